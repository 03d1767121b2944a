//! From CI to CI: which layer follows which.

use crate::ci::{Announces, Content, announces};
use crate::cursor::Cursor;
use crate::error::{Error, ErrorKind, Layer};
use crate::{afl, ell, tpl};

/// The headers above the link layer, and where they stand.
#[derive(Clone, Debug, Default)]
pub(super) struct Layers {
    pub(super) ell: Option<ell::Header>,
    /// From `body_at` on (the payload CRC) all is encrypted by the ELL.
    pub(super) ell_sealed: bool,
    /// Encrypted according to the session number, but the payload CRC is right as it is.
    pub(super) ell_opened_upstream: bool,
    pub(super) afl: Option<afl::Header>,
    /// Offset of the CI-field of the AFL.
    pub(super) afl_at: usize,
    pub(super) tpl: Option<tpl::Header>,
    /// What the transport layer carries.
    pub(super) content: Option<Content>,
    /// Offset of the CI-field of the TPL: where the message begins that a MAC covers.
    pub(super) tpl_at: usize,
    /// Offset of what follows the last header read.
    pub(super) body_at: usize,
    pub(super) fault: Option<Error>,
}

impl Layers {
    /// Reads CI after CI from offset `at` on until the transport layer, a seal, a fragment, the end or a fault.
    pub(super) fn walk(&mut self, octets: &[u8], at: usize) {
        let mut cursor = Cursor::new(octets.get(at..).unwrap_or_default(), at, Layer::Link);
        self.body_at = at;
        self.fault = self.steps(&mut cursor).err();
        if self.fault.is_none() {
            self.body_at = cursor.at();
        }
    }

    fn steps(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Error> {
        while let Some(ci) = cursor.peek() {
            self.body_at = cursor.at();
            let more = match announces(ci) {
                Announces::ExtendedLink => self.extended_link(ci, cursor)?,
                Announces::Authentication => self.authentication(ci, cursor)?,
                Announces::Transport(_, content) => self.transport(ci, content, cursor)?,
                Announces::VariableExtendedLink => {
                    cursor.enter(Layer::ExtendedLink);
                    return Err(cursor.error(ErrorKind::UnsupportedLayer { ci }));
                }
                Announces::Network => {
                    cursor.enter(Layer::Network);
                    return Err(cursor.error(ErrorKind::UnsupportedLayer { ci }));
                }
                Announces::Reserved => {
                    cursor.enter(Layer::Transport);
                    return Err(cursor.error(ErrorKind::UnknownCi { ci }));
                }
            };
            if !more {
                break;
            }
        }
        Ok(())
    }

    /// True when a CI-field follows.
    fn extended_link(&mut self, ci: u8, cursor: &mut Cursor<'_>) -> Result<bool, Error> {
        cursor.enter(Layer::ExtendedLink);
        if self.ell.is_some() || self.afl.is_some() {
            return Err(cursor.error(ErrorKind::LayerOrder { ci }));
        }
        cursor.u8()?;
        let header = ell::Header::parse(ci, cursor)?;
        self.ell = Some(header);
        let Some(session) = header.session else {
            return Ok(true);
        };
        // Right as it stands, whatever the session number says: nobody encrypted it, or somebody decrypted it.
        let encryption = session.encryption();
        match ell::check_payload(cursor.rest()) {
            Ok(_) => {
                self.ell_opened_upstream = encryption != 0;
                cursor.take(2)?;
                Ok(true)
            }
            Err(kind @ ErrorKind::Truncated { .. }) => Err(cursor.error(kind)),
            Err(_) if encryption == 1 => {
                self.ell_sealed = true;
                Ok(false)
            }
            Err(kind) if encryption == 0 => Err(cursor.error(kind)),
            Err(_) => Err(cursor.error(ErrorKind::EllReservedSecurity { value: encryption })),
        }
    }

    /// True when a CI-field follows, which only the first fragment of a message has.
    fn authentication(&mut self, ci: u8, cursor: &mut Cursor<'_>) -> Result<bool, Error> {
        cursor.enter(Layer::Authentication);
        if self.afl.is_some() {
            return Err(cursor.error(ErrorKind::LayerOrder { ci }));
        }
        self.afl_at = cursor.at();
        cursor.u8()?;
        let header = afl::Header::parse(cursor)?;
        self.afl = Some(header);
        let announced = header.message_length.map(usize::from);
        if !header.is_fragment() && announced.is_some_and(|length| length != cursor.left()) {
            return Err(cursor.error(ErrorKind::AflInconsistent {
                reason: "the message is not as long as its ML-field says",
            }));
        }
        Ok(header.fragment <= 1)
    }

    fn transport(&mut self, ci: u8, content: Content, cursor: &mut Cursor<'_>) -> Result<bool, Error> {
        cursor.enter(Layer::Transport);
        self.tpl_at = cursor.at();
        cursor.u8()?;
        self.tpl = Some(tpl::Header::parse(ci, cursor)?);
        self.content = Some(content);
        Ok(false)
    }
}
