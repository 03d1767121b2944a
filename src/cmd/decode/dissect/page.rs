//! Columns and colours: what a dissection is written on. Nothing is printed before all is known, so that columns fit.

use std::fmt::Write as _;
use std::io::{self, Write};

use clap::builder::styling::{AnsiColor, Style};

use crate::plain::one_line;

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    /// Words.
    Plain,
    /// Octets as sent.
    Octets,
    /// What can be passed over: offsets, fillers, sealed octets.
    Dim,
    /// Names of layers and quantities.
    Name,
    /// A value.
    Value,
    /// What speaks against something.
    Warning,
}

/// Text under construction.
pub(super) struct Page {
    text: String,
    colour: bool,
}

/// A cell of a table.
pub(super) type Cell = (String, Ink);

impl Page {
    pub(super) fn new(colour: bool) -> Self {
        Self {
            text: String::with_capacity(2048),
            colour,
        }
    }

    /// A layer and its octets.
    pub(super) fn line(&mut self, name: &str, octets: &str, ink: Ink) {
        self.layer(name, &[(octets, ink)]);
    }

    /// A layer, its octets, and what they say.
    pub(super) fn explained(&mut self, name: &str, octets: &str, meaning: &str) {
        self.layer(name, &[(octets, Ink::Octets), (meaning, Ink::Plain)]);
    }

    /// A layer and words.
    pub(super) fn plain(&mut self, name: &str, meaning: &str) {
        self.layer(name, &[(meaning, Ink::Plain)]);
    }

    /// A name that stands above a table.
    pub(super) fn heading(&mut self, name: &str) {
        self.put(name, Ink::Name);
        self.text.push('\n');
    }

    /// A name and what stands for it, below a table.
    pub(super) fn fact(&mut self, name: &str, value: &str) {
        self.text.push_str("  ");
        self.put(name, Ink::Name);
        self.text.push_str(": ");
        self.put(value, Ink::Plain);
        self.text.push('\n');
    }

    /// A sentence about what stands above it.
    pub(super) fn note(&mut self, sentence: &str) {
        self.text.push_str("  ");
        self.put(sentence, Ink::Warning);
        self.text.push('\n');
    }

    /// Why there is no more.
    pub(super) fn error(&mut self, sentence: &str) {
        self.layer("error", &[(sentence, Ink::Warning)]);
    }

    /// Rows whose columns stand below each other; the last one is as wide as it likes. One column has numbers, which
    /// stand at its right.
    pub(super) fn table<const N: usize>(&mut self, rows: &[[Cell; N]], numbers: usize) {
        let mut widths = [0_usize; N];
        for row in rows {
            for (width, (text, _)) in widths.iter_mut().zip(row) {
                *width = (*width).max(text.chars().count());
            }
        }
        for row in rows {
            self.text.push(' ');
            let mut gap = 1;
            for (column, ((text, ink), width)) in row.iter().zip(widths).enumerate() {
                let length = text.chars().count();
                let before = if column == numbers { width - length } else { 0 };
                if length > 0 {
                    let _ = write!(self.text, "{:1$}", "", gap + before);
                    self.put(text, *ink);
                    gap = 0;
                } else {
                    gap += before;
                }
                if width > 0 {
                    gap += 2 + width - length - before;
                }
            }
            self.text.push('\n');
        }
    }

    /// The page, and an empty line.
    pub(super) fn print(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(self.text.as_bytes())?;
        out.write_all(b"\n")
    }

    fn layer(&mut self, name: &str, parts: &[(&str, Ink)]) {
        self.put(name, Ink::Name);
        let mut gap = NAME_WIDTH.saturating_sub(name.chars().count()).max(1);
        for (text, ink) in parts.iter().filter(|(text, _)| !text.is_empty()) {
            // Octets of one block may fill several lines.
            let mut rest = *text;
            while *ink != Ink::Plain
                && *ink != Ink::Warning
                && let Some((line, more)) = rest.split_at_checked(LINE_WIDTH)
                && !more.is_empty()
            {
                let _ = write!(self.text, "{:gap$}", "");
                self.put(line, *ink);
                self.text.push('\n');
                (gap, rest) = (NAME_WIDTH, more);
            }
            let _ = write!(self.text, "{:gap$}", "");
            self.put(rest, *ink);
            gap = 2;
        }
        self.text.push('\n');
    }

    fn put(&mut self, text: &str, ink: Ink) {
        // Some of it stood in a telegram.
        let text = one_line(text);
        let style = ink.style();
        if self.colour && ink != Ink::Plain {
            let _ = write!(self.text, "{style}{text}{style:#}");
        } else {
            self.text.push_str(&text);
        }
    }
}

impl Ink {
    const fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Octets => AnsiColor::Cyan.on_default(),
            Self::Dim => Style::new().dimmed(),
            Self::Name => Style::new().bold(),
            Self::Value => AnsiColor::Green.on_default(),
            Self::Warning => AnsiColor::Yellow.on_default(),
        }
    }
}

/// Octets as hexadecimal digits.
pub(super) fn hex(octets: &[u8]) -> String {
    let mut text = String::with_capacity(2 * octets.len());
    for octet in octets {
        let _ = write!(text, "{octet:02X}");
    }
    text
}

const NAME_WIDTH: usize = 12;

/// Characters of octets a line.
const LINE_WIDTH: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(text: &str, ink: Ink) -> Cell {
        (text.to_owned(), ink)
    }

    #[test]
    fn columns_stand_below_each_other() {
        let mut page = Page::new(false);
        page.table(
            &[
                [
                    cell("1", Ink::Dim),
                    cell("0C 13", Ink::Octets),
                    cell("7.5 m³", Ink::Value),
                    cell("volume", Ink::Name),
                ],
                [
                    cell("10", Ink::Dim),
                    cell("", Ink::Octets),
                    cell("12345 m³", Ink::Value),
                    cell("", Ink::Name),
                ],
            ],
            2,
        );
        assert_eq!(
            page.text,
            "  1   0C 13    7.5 m³  volume\n  10         12345 m³\n"
        );
    }

    #[test]
    fn colours_change_no_character() {
        let write = |colour| {
            let mut page = Page::new(colour);
            page.explained("link", "1E44", "SND-NR");
            page.note("beware");
            page.text
        };
        let (plain, coloured) = (write(false), write(true));
        assert_eq!(plain, "link        1E44  SND-NR\n  beware\n");
        let mut rest = &coloured[..];
        let mut stripped = String::new();
        while let Some((text, code)) = rest.split_once('\u{1b}') {
            stripped.push_str(text);
            rest = code.split_once('m').unwrap().1;
        }
        stripped.push_str(rest);
        assert_eq!(stripped, plain);
        assert_ne!(coloured, plain);
    }
}
