//! The style sheet, the script and the icon: part of the program, under an address that changes with their content.

use std::sync::LazyLock;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::failure::Failure;

/// A file of the program.
struct Asset {
    name: &'static str,
    kind: &'static str,
    content: &'static str,
}

const STYLE: Asset = Asset {
    name: "style.css",
    kind: "text/css; charset=utf-8",
    content: concat!(
        include_str!("../assets/style.css"),
        include_str!("../assets/guide.css")
    ),
};

const SCRIPT: Asset = Asset {
    name: "enhance.js",
    kind: "text/javascript; charset=utf-8",
    content: include_str!("../assets/enhance.js"),
};

const ICON: Asset = Asset {
    name: "icon.svg",
    kind: "image/svg+xml",
    content: include_str!("../assets/icon.svg"),
};

const ALL: [&Asset; 3] = [&STYLE, &SCRIPT, &ICON];

/// Path of the style sheet.
pub(crate) fn style() -> &'static str {
    static PATH: LazyLock<String> = LazyLock::new(|| STYLE.path());
    &PATH
}

/// Path of the script.
pub(crate) fn script() -> &'static str {
    static PATH: LazyLock<String> = LazyLock::new(|| SCRIPT.path());
    &PATH
}

/// Path of the icon.
pub(crate) fn icon() -> &'static str {
    static PATH: LazyLock<String> = LazyLock::new(|| ICON.path());
    &PATH
}

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/assets/{version}/{name}", get(show))
}

async fn show(Path((version, name)): Path<(String, String)>) -> Result<Response, Failure> {
    let asset = ALL
        .into_iter()
        .find(|asset| asset.name == name && asset.version() == version)
        .ok_or(Failure::NotFound)?;
    let mut response = Body::from(asset.content).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=31536000, immutable"),
    );
    Ok(response)
}

impl Asset {
    fn version(&self) -> String {
        let digest = Sha256::digest(self.content.as_bytes());
        URL_SAFE_NO_PAD.encode(digest).chars().take(12).collect()
    }

    fn path(&self) -> String {
        format!("/assets/{}/{}", self.version(), self.name)
    }
}
