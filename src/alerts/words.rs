//! What an alert means and what to do, for a caretaker: French, with English beside it.

use super::kind::Kind;

/// One alert in two languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// French.
    pub fr: String,
    /// English.
    pub en: String,
}

/// What is the matter, by how much, and what to do.
pub fn explain(kind: Kind, amount: Option<i64>) -> Explanation {
    let amount = amount.unwrap_or(0);
    let (fr, en) = match kind {
        Kind::Leak if amount > 0 => {
            let a_day = amount.saturating_mul(24) / 1000;
            let a_year = amount.saturating_mul(24 * 365) / 1_000_000;
            let (litres, tenths) = (amount / 1000, amount % 1000 / 100);
            (
                format!(
                    "L'eau coule sans arrêt, au moins {litres},{tenths} L/h (environ {a_day} L par jour, {a_year} m³ par an). \
                     Vérifier la chasse d'eau, les robinets et le groupe de sécurité."
                ),
                format!(
                    "Water never stops flowing, at least {litres}.{tenths} L/h (some {a_day} L a day, {a_year} m³ a year). \
                     Look at the cistern, the taps and the safety valve."
                ),
            )
        }
        Kind::Leak => (
            "Le compteur signale une fuite. Vérifier la chasse d'eau, les robinets et les raccords.".to_owned(),
            "The meter reports a leak. Look at the cistern, the taps and the joints.".to_owned(),
        ),
        Kind::Silent => {
            let days = amount / 86_400;
            (
                format!(
                    "Le compteur n'est plus entendu depuis {days} jour(s), alors que les autres le sont. Vérifier \
                     qu'il est en place et que rien ne le couvre ; sinon sa pile est vide."
                ),
                format!(
                    "The meter has not been heard for {days} day(s) while others are. See whether it is in place and \
                     nothing covers it; otherwise its battery is empty."
                ),
            )
        }
        Kind::BatteryLow => (
            "La pile du compteur est bientôt vide. Prévoir son remplacement.".to_owned(),
            "The meter's battery is nearly empty. Plan its replacement.".to_owned(),
        ),
        Kind::Tamper => (
            "L'appareil signale qu'il a été ouvert, démonté ou approché d'un aimant. Aller voir sur place.".to_owned(),
            "The device says that it was opened, taken off, or met a magnet. Go and see.".to_owned(),
        ),
        Kind::ReverseFlow if amount > 0 => (
            format!(
                "L'eau a coulé à l'envers, {} L en une semaine. Vérifier le clapet anti-retour et les mitigeurs.",
                amount / 1000
            ),
            format!(
                "Water flowed backwards, {} L in a week. Look at the check valve and the mixing taps.",
                amount / 1000
            ),
        ),
        Kind::ReverseFlow => (
            "Le compteur signale un débit inverse. Vérifier le clapet anti-retour et les mitigeurs.".to_owned(),
            "The meter reports reverse flow. Look at the check valve and the mixing taps.".to_owned(),
        ),
        Kind::Jump => (
            "L'index a fait un bond impossible. Relever l'afficheur ; l'appareil a-t-il été remplacé ?".to_owned(),
            "The index jumped by more than is possible. Read the display; was the device replaced?".to_owned(),
        ),
        Kind::Frozen => (
            format!(
                "Le répartiteur ne compte plus depuis {amount} jours en pleine saison de chauffe. Si le radiateur est \
                 chaud, l'appareil est défectueux ou décollé ; s'il est fermé, tout va bien."
            ),
            format!(
                "The allocator has stood still for {amount} days in the heating season. If the radiator is warm, the \
                 device is broken or has come off; if its valve is closed, all is well."
            ),
        ),
        Kind::WrongKey => (
            "Les messages du compteur ne peuvent pas être déchiffrés. Demander la clé de cet appareil au fabricant et \
             l'importer."
                .to_owned(),
            "The meter's messages can't be decrypted. Ask the maker for this device's key and import it.".to_owned(),
        ),
        Kind::ClockOff if amount != 0 => {
            let hours = amount.unsigned_abs() / 3600;
            let (fr, en) = if amount > 0 { ("avance", "early") } else { ("retarde", "late") };
            (
                format!(
                    "L'horloge du compteur {fr} de {hours} h. Ses relevés de fin de mois peuvent être mal datés."
                ),
                format!("The meter's clock is {hours} h {en}. The values it keeps for month ends may be misdated."),
            )
        }
        Kind::ClockOff => (
            "Le compteur dit que son horloge n'est pas à l'heure. Ses relevés de fin de mois peuvent être mal datés."
                .to_owned(),
            "The meter says that its clock is wrong. The values it keeps for month ends may be misdated.".to_owned(),
        ),
    };
    Explanation { fr, en }
}
