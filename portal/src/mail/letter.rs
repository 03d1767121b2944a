//! What the mails say, in French and in English.

use jiff::SignedDuration;
use lettre::Address;

use crate::Language;
use crate::accounts::{ACTIVATION_LIFE, NewMail, Purpose};

/// A mail to somebody. No `Debug`: it may have a link.
pub(crate) struct Letter {
    about: About,
    to: Address,
    subject: String,
    text: String,
}

/// What a mail is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    /// The end of the guide.
    Confirm,
    /// A link for a new password.
    Password,
    /// A link to a new address.
    NewAddress,
    /// Something that has happened.
    Told,
}

impl About {
    const fn name(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Password => "password",
            Self::NewAddress => "new_address",
            Self::Told => "told",
        }
    }

    /// For how long the mail is of use.
    fn life(self) -> SignedDuration {
        match self {
            Self::Confirm => ACTIVATION_LIFE,
            Self::Password => Purpose::Password.life(),
            Self::NewAddress => Purpose::Email.life(),
            Self::Told => SignedDuration::MAX,
        }
    }
}

impl Letter {
    /// At the end of the guide: the address is to be confirmed.
    pub(crate) fn confirm(to: Address, language: Language, name: &str, label: &str, link: &str) -> Self {
        match language {
            Language::French => Self::new(
                About::Confirm,
                to,
                "Confirmez votre adresse e-mail",
                format!(
                    "Bonjour {name},\n\nvous avez demandé un espace résident pour ce logement : {label}.\n\n\
                     Pour l'activer, ouvrez ce lien dans les 48 heures :\n\n{link}\n\n\
                     Si vous n'avez rien demandé, ne faites rien : sans ce lien, il ne se passe rien.\n"
                ),
            ),
            Language::English => Self::new(
                About::Confirm,
                to,
                "Confirm your e-mail address",
                format!(
                    "Hello {name},\n\nyou asked for a resident's account for this home: {label}.\n\n\
                     To activate it, open this link within 48 hours:\n\n{link}\n\n\
                     If you did not ask for anything, do nothing: without this link nothing happens.\n"
                ),
            ),
        }
    }

    /// The same, where the address has an account already.
    pub(crate) fn confirm_known(to: Address, language: Language, label: &str, link: &str) -> Self {
        match language {
            Language::French => Self::new(
                About::Confirm,
                to,
                "Vous avez déjà un espace résident",
                format!(
                    "Bonjour,\n\nquelqu'un, sans doute vous, a demandé un espace résident avec cette adresse, qui en a déjà un.\n\
                     Votre mot de passe reste le même.\n\n\
                     Pour ajouter ce logement à votre espace ({label}), ouvrez ce lien dans les 48 heures :\n\n{link}\n\n\
                     Si vous n'avez rien demandé, ne faites rien : sans ce lien, il ne se passe rien.\n"
                ),
            ),
            Language::English => Self::new(
                About::Confirm,
                to,
                "You have a resident's account already",
                format!(
                    "Hello,\n\nsomebody, most likely you, asked for a resident's account with this address, which has one already.\n\
                     Your password stays as it is.\n\n\
                     To add this home to your account ({label}), open this link within 48 hours:\n\n{link}\n\n\
                     If you did not ask for anything, do nothing: without this link nothing happens.\n"
                ),
            ),
        }
    }

    /// A forgotten password.
    pub(crate) fn password(to: Address, language: Language, link: &str) -> Self {
        match language {
            Language::French => Self::new(
                About::Password,
                to,
                "Choisissez un nouveau mot de passe",
                format!(
                    "Bonjour,\n\npour choisir un nouveau mot de passe, ouvrez ce lien dans les 10 minutes :\n\n{link}\n\n\
                     S'il est trop tard, la page du lien vous en propose un autre.\n\n\
                     Si vous n'avez rien demandé, ne faites rien : votre mot de passe reste le même.\n"
                ),
            ),
            Language::English => Self::new(
                About::Password,
                to,
                "Choose a new password",
                format!(
                    "Hello,\n\nto choose a new password, open this link within 10 minutes:\n\n{link}\n\n\
                     If it is too late, the page behind the link offers another one.\n\n\
                     If you did not ask for anything, do nothing: your password stays as it is.\n"
                ),
            ),
        }
    }

    /// The password has changed: to know, in case it was somebody else.
    pub(crate) fn password_changed(to: Address, language: Language, forgotten: &str) -> Self {
        match language {
            Language::French => Self::new(
                About::Told,
                to,
                "Votre mot de passe a changé",
                format!(
                    "Bonjour,\n\nle mot de passe de votre espace résident vient de changer. Toutes les connexions ouvertes ont été fermées.\n\n\
                     Si ce n'était pas vous, choisissez-en un autre : {forgotten}\n"
                ),
            ),
            Language::English => Self::new(
                About::Told,
                to,
                "Your password has changed",
                format!(
                    "Hello,\n\nthe password of your resident's account has just changed. All open sessions were ended.\n\n\
                     If it was not you, choose another one: {forgotten}\n"
                ),
            ),
        }
    }

    /// To a new address, before it counts.
    pub(crate) fn new_address(to: Address, language: Language, link: &str) -> Self {
        match language {
            Language::French => Self::new(
                About::NewAddress,
                to,
                "Confirmez votre nouvelle adresse e-mail",
                format!(
                    "Bonjour,\n\npour que votre espace résident utilise désormais cette adresse, ouvrez ce lien dans les 24 heures :\n\n{link}\n\n\
                     Si vous n'avez rien demandé, ne faites rien.\n"
                ),
            ),
            Language::English => Self::new(
                About::NewAddress,
                to,
                "Confirm your new e-mail address",
                format!(
                    "Hello,\n\nto have your resident's account use this address from now on, open this link within 24 hours:\n\n{link}\n\n\
                     If you did not ask for anything, do nothing.\n"
                ),
            ),
        }
    }

    /// To an address that has an account of its own, which somebody wanted for theirs.
    pub(crate) fn address_taken(to: Address, language: Language) -> Self {
        match language {
            Language::French => Self::new(
                About::Told,
                to,
                "Cette adresse a déjà un espace résident",
                "Bonjour,\n\nquelqu'un, peut-être vous, a voulu utiliser cette adresse pour un autre espace résident. \
                 Elle en a déjà un : rien n'a changé.\n"
                    .to_owned(),
            ),
            Language::English => Self::new(
                About::Told,
                to,
                "This address has a resident's account already",
                "Hello,\n\nsomebody, perhaps you, wanted to use this address for another resident's account. \
                 It has one already: nothing has changed.\n"
                    .to_owned(),
            ),
        }
    }

    /// To the old address, once another one counts.
    pub(crate) fn address_changed(to: Address, language: Language) -> Self {
        match language {
            Language::French => Self::new(
                About::Told,
                to,
                "L'adresse de votre espace résident a changé",
                "Bonjour,\n\nvotre espace résident utilise désormais une autre adresse e-mail que celle-ci. \
                 Si ce n'était pas vous, prévenez votre gestionnaire.\n"
                    .to_owned(),
            ),
            Language::English => Self::new(
                About::Told,
                to,
                "The address of your resident's account has changed",
                "Hello,\n\nyour resident's account uses another e-mail address than this one from now on. \
                 If it was not you, tell your housing operator.\n"
                    .to_owned(),
            ),
        }
    }

    /// The account is gone.
    pub(crate) fn deleted(to: Address, language: Language) -> Self {
        match language {
            Language::French => Self::new(
                About::Told,
                to,
                "Votre espace résident est supprimé",
                "Bonjour,\n\nvotre espace résident et ses données sont supprimés, comme vous l'avez demandé. \
                 Ce message est le dernier.\n"
                    .to_owned(),
            ),
            Language::English => Self::new(
                About::Told,
                to,
                "Your resident's account is deleted",
                "Hello,\n\nyour resident's account and its data are deleted, as you asked. This message is the last one.\n"
                    .to_owned(),
            ),
        }
    }

    /// The mail as it is kept until it leaves.
    ///
    /// # Errors
    /// The system has no randomness.
    pub(super) fn kept(&self) -> Result<NewMail, getrandom::Error> {
        let mut name = [0; 16];
        getrandom::fill(&mut name)?;
        Ok(NewMail {
            name: format!("{:032x}", u128::from_be_bytes(name)),
            kind: self.about.name(),
            // Only the latest of these links works.
            replaces: matches!(self.about, About::Password | About::NewAddress),
            email: self.to.to_string(),
            subject: self.subject.clone(),
            text: self.text.clone(),
            life: self.about.life(),
        })
    }

    fn new(about: About, to: Address, subject: &str, text: String) -> Self {
        Self {
            about,
            to,
            subject: subject.to_owned(),
            text,
        }
    }
}
