//! What is kept, why, for how long, and what a resident may ask for.

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use crate::Language;
use crate::app::App;
use crate::guard::Visitor;
use crate::layout::{self, Frame};

pub(crate) async fn show(State(app): State<App>, visitor: Visitor) -> Response {
    let language = visitor.language;
    let title = language.of("Vos données", "Your data");
    layout::page(
        &Frame::for_visitor(&visitor, title),
        html! {
            h1 { (title) }
            (statement(&app, language))
        },
    )
}

/// The statement, as the page has it and the last step of the guide.
pub(crate) fn statement(app: &App, language: Language) -> Markup {
    let operator = &app.settings.operator;
    let item = |french: &'static str, english: &'static str| html! { li { (language.of(french, english)) } };
    html! {
        p {
            (language.of("Responsable : ", "Responsible: ")) strong { (operator.name) } ". "
            (language.of("Contact : ", "Contact: ")) (operator.contact) "."
        }
        ul {
            (item(
                "Nous gardons votre nom, votre adresse e-mail, l'empreinte de votre mot de passe, votre logement et votre date d'emménagement, pour vous montrer vos consommations et à personne d'autre.",
                "We keep your name, your e-mail address, a hash of your password, your home and your move-in date, to show your consumption to you and to nobody else.",
            ))
            (item(
                "Le système de relevé, lui, ne connaît ni votre nom ni votre adresse e-mail : pour lui, vous êtes un numéro.",
                "The metering system knows neither your name nor your e-mail address: to it you are a number.",
            ))
            (item(
                "Vos consommations sont gardées par jour. Heure par heure, seulement si vous l'acceptez, et aussi longtemps que vous l'acceptez.",
                "Your consumption is kept by the day. Hour by hour only if you agree, and for as long as you agree.",
            ))
            (item(
                "Personne ne voit les jours d'avant votre emménagement ou d'après votre départ, ni vous ceux des autres.",
                "Nobody sees days from before you moved in or after you left, nor do you see those of others.",
            ))
            (item(
                "Les connexions et les changements de votre espace sont notés pendant un an, pour remarquer un abus.",
                "Logins and changes of your account are noted for a year, to notice abuse.",
            ))
            (item(
                "Deux cookies seulement : un pour votre connexion, un pour la langue. Aucun suivi, rien d'ailleurs.",
                "Two cookies only: one for your session, one for the language. No tracking, nothing from elsewhere.",
            ))
            (item(
                "Vous pouvez à tout moment corriger vos données, les télécharger, retirer votre accord ou supprimer votre espace avec ses données : dans « Mon compte ». Vous pouvez aussi vous adresser à la CNIL.",
                "You can correct your data, download them, withdraw your consent or delete your account with its data at any time: under \"My account\". You can also turn to the data protection authority (CNIL).",
            ))
        }
    }
}
