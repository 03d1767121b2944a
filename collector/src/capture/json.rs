//! Lines that are one JSON object: whose it is, its keys tell.

use serde::Deserialize;
use serde_json::Value;

use super::Origin;
use super::iobroker;
use super::rejection::{Code, Rejection};
use super::request;
use super::rtl_433::Fields;
use crate::Telegram;

/// Every key that some format gives a telegram under; the others are skipped without being kept.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Object {
    /// rtl_433.
    model: Option<Value>,
    time: Option<Value>,
    mode: Option<Value>,
    /// rtl_433 and ioBroker.
    data: Option<Value>,
    /// ioBroker.
    #[serde(rename = "frameType")]
    frame_type: Option<Value>,
    #[serde(rename = "containsCrc")]
    contains_crc: Option<Value>,
    /// Line requests.
    telegram: Option<Value>,
    /// Raw radio bridges.
    event: Option<Value>,
}

/// One object, one telegram.
pub(super) fn parse(text: &str, origin: &Origin) -> Result<Telegram, Rejection> {
    let object: Object = serde_json::from_str(text).map_err(|error| {
        // The library's own words may quote the line.
        Rejection::new(
            Code::Malformed,
            if error.is_eof() {
                "JSON that ends early: it was cut short".into()
            } else {
                format!("JSON that breaks off at character {}", error.column())
            },
        )
    })?;
    if text_of(object.event.as_ref()) == "radio_raw" {
        return Err(Rejection::new(
            Code::RawRadio,
            "undecoded octets of a radio chip, not a telegram: have the gateway publish its telegrams",
        ));
    }
    if object.model.is_some() {
        let (model, time) = (text_of(object.model.as_ref()), text_of(object.time.as_ref()));
        let (mode, data) = (text_of(object.mode.as_ref()), text_of(object.data.as_ref()));
        let fields = Fields {
            model: &model,
            time: &time,
            mode: &mode,
            data: &data,
        };
        return fields.telegram(origin);
    }
    if object.frame_type.is_some() {
        let contains_crc = matches!(object.contains_crc, Some(Value::Bool(true)));
        let data = text_of(object.data.as_ref());
        return iobroker::telegram(&text_of(object.frame_type.as_ref()), contains_crc, &data, origin);
    }
    if let Some(Value::String(telegram)) = &object.telegram {
        return request::telegram(telegram, origin);
    }
    Err(Rejection::new(
        Code::NotATelegram,
        "JSON in which no telegram is given",
    ))
}

/// Numbers are written as text by some settings, and the other way round.
fn text_of(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: &str = "0f440102785634120107744778001122";

    fn code(text: &str) -> &'static str {
        parse(text, &Origin::new("")).unwrap_err().code.code()
    }

    #[test]
    fn keys_in_any_order_and_numbers_as_text() {
        let origin = Origin::new("roof");
        for text in [
            format!(r#"{{"data":"{DATA}","id":12,"model":"Wireless-MBus","time":"1738501777","mode":"C"}}"#),
            format!(
                r#"{{"model" : "Wireless-MBus", "x":[{{"data":0}}], "mode":"C", "time" : 1738501777, "data" : "{DATA}"}}"#
            ),
        ] {
            let telegram = parse(&text, &origin).unwrap();
            assert_eq!(telegram.octets.len(), 16);
            assert_eq!(telegram.received_at.unwrap().as_second(), 1_738_501_777);
            assert_eq!(telegram.link_mode, Some(crate::LinkMode::C));
        }
    }

    #[test]
    fn objects_without_a_telegram() {
        assert_eq!(code("{}"), "not_a_telegram");
        assert_eq!(code(r#"{"telegram":7}"#), "not_a_telegram");
        assert_eq!(code(r#"{"model":"Weather"}"#), "foreign");
        assert_eq!(code(r#"{"event":"radio_raw","data":"543D"}"#), "raw_radio");
        assert_eq!(code(r#"{"model":"Wirel"#), "malformed");
        assert_eq!(code(r#"{"model":"Wireless-MBus"} 1"#), "malformed");
        assert_eq!(code(r#"{"model":"Wireless-MBus"}"#), "malformed");
        assert_eq!(code(&"{\"a\":".repeat(20_000)), "malformed");
    }

    #[test]
    fn errors_never_quote_the_line() {
        let error = parse(
            r#"{"key":"00112233445566778899AABBCCDDEEFF",,}"#,
            &Origin::new(""),
        )
        .unwrap_err();
        assert!(!error.to_string().contains("0011"), "{error}");
    }
}
