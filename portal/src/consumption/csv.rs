//! Figures as a file for a spreadsheet.
//!
//! UTF-8 with a byte order mark, so that spreadsheets see the accents. In French the fields are parted by semicolons and numbers have
//! a decimal comma, as French spreadsheets read them; in English by commas, with a point.

use crate::Language;
use crate::query::Decimal;

/// A file in the making.
#[derive(Debug)]
pub(super) struct Csv {
    text: String,
    language: Language,
}

/// One field.
#[derive(Debug, Clone, Copy)]
pub(super) enum Field<'a> {
    /// A text of somebody else: a room, a serial.
    Text(&'a str),
    /// A number with all its digits; empty when it is missing, which is not 0.
    Number(Option<Decimal>),
}

impl Csv {
    /// With the heading line.
    #[must_use]
    pub(super) fn new(language: Language, heading: &[&str]) -> Self {
        let mut csv = Self {
            text: "\u{FEFF}".to_owned(),
            language,
        };
        let fields: Vec<Field<'_>> = heading.iter().map(|name| Field::Text(name)).collect();
        csv.line(&fields);
        csv
    }

    /// Adds a line.
    pub(super) fn line(&mut self, fields: &[Field<'_>]) {
        for (place, field) in fields.iter().enumerate() {
            if place > 0 {
                self.text.push(self.language.of(';', ','));
            }
            match field {
                Field::Text(text) => self.text(text),
                Field::Number(None) => {}
                Field::Number(Some(number)) => {
                    let digits = number.to_string();
                    self.text
                        .push_str(&digits.replace('.', self.language.of(",", ".")));
                }
            }
        }
        self.text.push_str("\r\n");
    }

    /// The whole file.
    #[must_use]
    pub(super) fn finish(self) -> String {
        self.text
    }

    /// Between quotes where it has to be; what a spreadsheet would take for a formula gets an apostrophe before it.
    fn text(&mut self, text: &str) {
        let formula =
            text.trim_start().starts_with(['=', '+', '-', '@']) || text.starts_with(['\t', '\r', '\n']);
        let guarded = if formula {
            format!("'{text}")
        } else {
            text.to_owned()
        };
        if guarded.contains(['"', ';', ',', '\r', '\n', '\t', '\'']) {
            self.text.push('"');
            self.text.push_str(&guarded.replace('"', "\"\""));
            self.text.push('"');
        } else {
            self.text.push_str(&guarded);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(language: Language, fields: &[Field<'_>]) -> String {
        let mut csv = Csv::new(language, &["a", "b"]);
        csv.line(fields);
        csv.finish().lines().nth(1).unwrap().to_owned()
    }

    #[test]
    fn each_language_has_its_marks() {
        let number: Decimal = "-1082.631".parse().unwrap();
        let fields = [
            Field::Text("Cuisine"),
            Field::Number(Some(number)),
            Field::Number(None),
        ];
        assert_eq!(line(Language::French, &fields), "Cuisine;-1082,631;");
        assert_eq!(line(Language::English, &fields), "Cuisine,-1082.631,");
        assert!(
            Csv::new(Language::French, &["a", "é"])
                .finish()
                .starts_with("\u{FEFF}a;é\r\n")
        );
    }

    #[test]
    fn texts_are_no_formulas() {
        for hostile in ["=1+1", "+33", "-2", "@SUM(A1)", "\t=1", " =1", "\r=1"] {
            let written = line(Language::French, &[Field::Text(hostile)]);
            assert!(written.starts_with("\"'"), "{written:?}");
        }
        assert_eq!(line(Language::French, &[Field::Text("a\"b;c")]), "\"a\"\"b;c\"");
    }

    /// As a spreadsheet reads a line, so simple that it is surely right.
    fn read(text: &str, mark: char) -> Vec<String> {
        let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '"' if quoted && letters.peek() == Some(&'"') => field.extend(letters.next()),
                '"' => quoted = !quoted,
                _ if letter == mark && !quoted => fields.push(std::mem::take(&mut field)),
                _ => field.push(letter),
            }
        }
        fields.push(field);
        fields
    }

    proptest! {
        #[test]
        fn whatever_a_room_is_called_it_stays_one_field(texts in prop::collection::vec("[-=+@;,\"' a-zé\n\t]{0,12}", 1..5)) {
            for (language, mark) in [(Language::French, ';'), (Language::English, ',')] {
                let mut csv = Csv::new(language, &["x"]);
                let fields: Vec<Field<'_>> = texts.iter().map(|text| Field::Text(text)).collect();
                csv.line(&fields);
                let text = csv.finish();
                let line = text.split_once("\r\n").unwrap().1.strip_suffix("\r\n").unwrap();
                let again = read(line, mark);
                prop_assert_eq!(again.len(), texts.len());
                for (read, text) in again.iter().zip(&texts) {
                    prop_assert_eq!(read.strip_prefix('\'').filter(|_| !text.starts_with('\'')).unwrap_or(read), text);
                    prop_assert!(!read.trim_start().starts_with(['=', '+', '-', '@']));
                }
            }
        }
    }
}
