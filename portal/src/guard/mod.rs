//! What stands around all pages: headers, limits, sessions, forms that come from where they should.

mod form;
mod headers;
mod limits;
mod resident;
mod session;

pub(crate) use form::Form;
pub(crate) use headers::protect;
pub(crate) use limits::{Kind, Limiter};
pub(crate) use resident::Resident;
pub use session::Peer;
pub(crate) use session::Visitor;
pub(crate) use session::{attach, language_cookie, log_in_cookie, log_out_cookie};
