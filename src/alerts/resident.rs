//! What an alert means and what to do, for those who live there: French, with English beside it.

use super::kind::Kind;
use super::words::Explanation;

/// What a household is told of its own meter; `None` for what is the caretaker's business alone (a battery, a key, a clock, and
/// what would accuse somebody).
pub fn explain_to_resident(kind: Kind, amount: Option<i64>) -> Option<Explanation> {
    let amount = amount.unwrap_or(0);
    let (fr, en) = match kind {
        Kind::Leak if amount > 0 => {
            let a_day = amount.saturating_mul(24) / 1000;
            let (litres, tenths) = (amount / 1000, amount % 1000 / 100);
            (
                format!(
                    "L'eau coule sans arrêt, jour et nuit : au moins {litres},{tenths} L/h, environ {a_day} L par jour. \
                     Vérifiez les robinets, la chasse d'eau et le groupe de sécurité. Si rien ne coule chez vous, prévenez \
                     le gardien."
                ),
                format!(
                    "Water never stops flowing, day and night: at least {litres}.{tenths} L/h, some {a_day} L a day. Look \
                     at the taps, the cistern and the safety valve. If nothing runs in your home, tell the caretaker."
                ),
            )
        }
        Kind::Leak => (
            "Le compteur signale une fuite. Vérifiez les robinets, la chasse d'eau et les raccords, et prévenez le gardien."
                .to_owned(),
            "The meter reports a leak. Look at the taps, the cistern and the joints, and tell the caretaker.".to_owned(),
        ),
        Kind::ReverseFlow => (
            "Le compteur a compté à l'envers ces derniers jours. Fermez bien les mitigeurs et prévenez le gardien.".to_owned(),
            "The meter counted backwards in the last days. Close the mixing taps well and tell the caretaker.".to_owned(),
        ),
        Kind::Frozen => (
            format!(
                "Ce radiateur n'a rien compté depuis {amount} jours en pleine saison de chauffe. S'il est fermé, tout va bien. \
                 S'il est chaud, prévenez le gardien : l'appareil est peut-être défectueux."
            ),
            format!(
                "This radiator has counted nothing for {amount} days in the heating season. If it is closed, all is well. If \
                 it is warm, tell the caretaker: the device may be broken."
            ),
        ),
        Kind::Silent => {
            let days = amount / 86_400;
            (
                format!(
                    "Ce compteur n'est plus entendu depuis {days} jour(s) : ses derniers chiffres manquent. Si un meuble ou un \
                     objet le couvre, dégagez-le ; sinon prévenez le gardien."
                ),
                format!(
                    "This meter has not been heard for {days} day(s): its latest figures are missing. If furniture or anything \
                     else covers it, clear it; otherwise tell the caretaker."
                ),
            )
        }
        Kind::BatteryLow | Kind::Tamper | Kind::Jump | Kind::WrongKey | Kind::ClockOff => return None,
    };
    Some(Explanation { fr, en })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn households_are_told_what_they_can_do_something_about() {
        let told: Vec<&str> = Kind::ALL
            .into_iter()
            .filter(|kind| explain_to_resident(*kind, None).is_some())
            .map(Kind::name)
            .collect();
        assert_eq!(told, ["leak", "silent", "reverse_flow", "frozen"]);
        let leak = explain_to_resident(Kind::Leak, Some(9_100)).unwrap();
        assert!(leak.fr.contains("9,1 L/h, environ 218 L") && leak.en.contains("9.1 L/h, some 218 L"));
    }
}
