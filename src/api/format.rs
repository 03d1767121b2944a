//! Lists and figures as JSON, CSV (RFC 4180) or NDJSON, by what the client accepts.
//!
//! A line of CSV or NDJSON is an entry of the list; figures have a line for each point and period. The next page of a list
//! is named by a `Link` header, since these forms have no place for it.

use axum::body::{Body, Bytes};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

use super::json::Tag;
use super::page::Page;
use super::problem::Problem;
use crate::plain::cell;

/// How a client wants its answer, and what it asked.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    format: Format,
    uri: Uri,
}

/// The forms of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Format {
    Json,
    Csv,
    Ndjson,
}

impl Format {
    /// The first of equals wins.
    const ALL: [Self; 3] = [Self::Json, Self::Csv, Self::Ndjson];

    const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv",
            Self::Ndjson => "application/x-ndjson",
        }
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Json | Self::Ndjson => self.media_type(),
        }
    }

    /// The best of what is accepted; `None` when nothing of ours is.
    fn accepted(headers: &HeaderMap) -> Option<Self> {
        let mut said = headers.get_all(header::ACCEPT).iter().peekable();
        if said.peek().is_none() {
            return Some(Self::Json);
        }
        let ranges: Vec<(String, u16)> = said
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .take(MOST_RANGES)
            .map(range)
            .collect();
        Self::ALL
            .into_iter()
            .rev()
            .map(|format| (weight(&ranges, format.media_type()), format))
            .filter(|(weight, _)| *weight > 0)
            .max_by_key(|(weight, _)| *weight)
            .map(|(_, format)| format)
    }
}

/// `text/csv;q=0.5` as a media range and its weight in thousandths.
fn range(text: &str) -> (String, u16) {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let weight = parts
        .filter_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")))
        .map(thousandths)
        .next();
    (name, weight.unwrap_or(1000))
}

/// `0.5` in thousandths; what is no weight counts as 1, as if it had not been said.
fn thousandths(text: &str) -> u16 {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = rest.chars().chain("000".chars()).take(3).collect();
    match (whole, digits.parse::<u16>()) {
        ("0", Ok(part)) => part,
        _ => 1000,
    }
}

/// The weight of a media type: the narrowest range that holds it decides.
fn weight(ranges: &[(String, u16)], media_type: &str) -> u16 {
    let group = media_type.split_once('/').map_or("", |(group, _)| group);
    let wide = format!("{group}/*");
    for name in [media_type, wide.as_str(), "*/*"] {
        if let Some((_, weight)) = ranges.iter().find(|(range, _)| range == name) {
            return *weight;
        }
    }
    0
}

impl<S: Sync> FromRequestParts<S> for Wanted {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let format = Format::accepted(&parts.headers).ok_or(Problem::NotAcceptable)?;
        Ok(Self {
            format,
            uri: parts.uri.clone(),
        })
    }
}

/// What can be written line by line.
pub(super) trait Lines: Serialize {
    /// The columns, in their order; a nested field is named by its path, as `meter.serial`.
    const COLUMNS: &'static [&'static str];

    /// All of it as JSON.
    fn json(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(self)
    }

    /// The lines, each an object.
    fn lines(&self) -> serde_json::Result<Vec<Box<RawValue>>>;

    /// The parameter and the cursor that lead on.
    fn next(&self) -> Option<(&'static str, &str)> {
        None
    }
}

/// An entry of a list.
pub(super) trait Entry: Serialize {
    /// See [`Lines::COLUMNS`].
    const COLUMNS: &'static [&'static str];
}

impl<T: Entry> Lines for Page<T> {
    const COLUMNS: &'static [&'static str] = T::COLUMNS;

    fn lines(&self) -> serde_json::Result<Vec<Box<RawValue>>> {
        self.items.iter().map(serde_json::value::to_raw_value).collect()
    }

    fn next(&self) -> Option<(&'static str, &str)> {
        self.next.as_deref().map(|next| ("cursor", next))
    }
}

/// An answer, written.
#[derive(Clone, Debug)]
pub(super) struct Written {
    body: Bytes,
    tag: Tag,
    content_type: &'static str,
    /// Where the next page is.
    link: Option<HeaderValue>,
}

impl Wanted {
    /// The answer in the form that is wanted.
    pub(super) fn answer<T: Lines>(self, value: T) -> Response {
        self.write(&value).map(Written::into_response).into_response()
    }

    /// The same, so that it may be sent again.
    pub(super) fn write<T: Lines>(&self, value: &T) -> Result<Written, Problem> {
        let body = match self.format {
            Format::Json => value.json(),
            format => self.lines(format, value),
        };
        let body = body.map_err(|error| {
            tracing::error!(event = "api.unwritten", error = %error, "an answer could not be written");
            Problem::Internal
        })?;
        let link = value.next().filter(|_| self.format != Format::Json);
        let link = link.and_then(|(parameter, cursor)| {
            let link = format!("<{}>; rel=\"next\"", with(&self.uri, parameter, cursor));
            HeaderValue::from_str(&link).ok()
        });
        Ok(Written {
            tag: Tag::of(&body),
            body: Bytes::from(body),
            content_type: self.format.content_type(),
            link,
        })
    }

    /// Which form.
    pub(super) const fn format(&self) -> Format {
        self.format
    }

    fn lines<T: Lines>(&self, format: Format, value: &T) -> serde_json::Result<Vec<u8>> {
        let lines = value.lines()?;
        Ok(match format {
            Format::Csv => csv(T::COLUMNS, &lines)?.into_bytes(),
            _ => lines
                .iter()
                .flat_map(|line| line.get().bytes().chain([b'\n']))
                .collect(),
        })
    }
}

impl Written {
    /// How many octets of memory it takes.
    pub(super) fn octets(&self) -> usize {
        self.body.len()
    }
}

impl IntoResponse for Written {
    fn into_response(self) -> Response {
        let mut response = Body::from(self.body).into_response();
        response.extensions_mut().insert(self.tag);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.append(header::VARY, HeaderValue::from_static("accept"));
        headers.extend(self.link.map(|link| (header::LINK, link)));
        response
    }
}

/// The same question with another cursor.
fn with(uri: &Uri, parameter: &str, cursor: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        if name != parameter {
            query.append_pair(&name, &value);
        }
    }
    query.append_pair(parameter, cursor);
    format!("{}?{}", uri.path(), query.finish())
}

fn csv(columns: &[&str], lines: &[Box<RawValue>]) -> serde_json::Result<String> {
    let mut text = columns.join(",");
    text.push_str("\r\n");
    for line in lines {
        let mut cells = Vec::new();
        flatten("", line, &mut cells)?;
        for (position, column) in columns.iter().enumerate() {
            if position > 0 {
                text.push(',');
            }
            if let Some((_, cell)) = cells.iter().find(|(name, _)| name == column) {
                text.push_str(&quoted(cell));
            }
        }
        text.push_str("\r\n");
    }
    Ok(text)
}

/// Quoted where RFC 4180 asks for it.
fn quoted(cell: &str) -> String {
    if cell.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

/// The fields of an object, those of nested ones by their path. Numbers keep the digits they are written with.
fn flatten(path: &str, value: &RawValue, cells: &mut Vec<(String, String)>) -> serde_json::Result<()> {
    let text = value.get();
    let plain = match text.as_bytes().first() {
        Some(b'{') => {
            let Fields(fields) = serde_json::from_str(text)?;
            for (name, value) in fields {
                let path = if path.is_empty() {
                    name
                } else {
                    format!("{path}.{name}")
                };
                flatten(&path, &value, cells)?;
            }
            return Ok(());
        }
        Some(b'[') => {
            let items: Vec<Box<RawValue>> = serde_json::from_str(text)?;
            let mut words = Vec::with_capacity(items.len());
            for item in &items {
                words.push(plain(item)?);
            }
            words.join(" ")
        }
        _ => plain(value)?,
    };
    cells.push((path.to_owned(), plain));
    Ok(())
}

fn plain(value: &RawValue) -> serde_json::Result<String> {
    match value.get() {
        "null" => Ok(String::new()),
        // Texts are names that people chose, and spreadsheets run what looks like a formula.
        text if text.starts_with('"') => {
            let text: String = serde_json::from_str(text)?;
            Ok(cell(&text).into_owned())
        }
        text => Ok(text.to_owned()),
    }
}

/// The fields of an object in their order, their values as they are written.
struct Fields(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// More than any client says.
const MOST_RANGES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(values: &[&str]) -> Option<Format> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::ACCEPT, value.parse().unwrap());
        }
        Format::accepted(&headers)
    }

    #[test]
    fn the_client_s_preference_counts() {
        for (values, wanted) in [
            (&[][..], Some(Format::Json)),
            (&["*/*"], Some(Format::Json)),
            (&["text/csv"], Some(Format::Csv)),
            (&["text/*"], Some(Format::Csv)),
            (&["TEXT/CSV; q=0.9, application/json;q=0.1"], Some(Format::Csv)),
            (&["text/csv;q=0.2, */*;q=0.1"], Some(Format::Csv)),
            (&["text/csv;q=0, */*"], Some(Format::Json)),
            (&["application/x-ndjson"], Some(Format::Ndjson)),
            (
                &["application/json;q=0.5", "application/x-ndjson"],
                Some(Format::Ndjson),
            ),
            (&["text/html,application/xhtml+xml,*/*;q=0.8"], Some(Format::Json)),
            (&["image/png"], None),
            (&["application/json;q=0"], None),
            (&[""], None),
        ] {
            assert_eq!(accepted(values), wanted, "{values:?}");
        }
    }

    #[test]
    fn cells_keep_their_digits_and_their_commas() {
        let line = r#"{"a":-123456789.012345678,"b":{"c":"x, \"y\"","d":null},"e":["p","=q"],"f":true,"g":"=1+1,2"}"#;
        let line = RawValue::from_string(line.to_owned()).unwrap();
        assert_eq!(
            csv(&["a", "b.c", "b.d", "e", "f", "gone", "g"], &[line]).unwrap(),
            "a,b.c,b.d,e,f,gone,g\r\n-123456789.012345678,\"x, \"\"y\"\"\",,p '=q,true,,\"'=1+1,2\"\r\n"
        );
    }
}
