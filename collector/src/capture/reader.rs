//! Lines of a capture, one after the other, whatever stands in them.

use std::io::{self, BufRead, Read};

use super::Origin;
use super::recogniser::{Content, Recogniser};
use super::rejection::{Code, Rejection};

/// Longest line that is looked into, in octets; the header line of rtl_433's CSV is the longest sensible one.
pub const MAX_LINE: usize = 64 * 1024;

/// One line and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Counted from 1.
    pub number: u64,
    /// Octets of the source before this line.
    pub offset: u64,
    /// Octets of the source up to the end of this line, its line end included: how far the reader has come.
    pub end: u64,
    /// What it holds.
    pub content: Content,
}

/// Reads a capture line by line in constant memory; every line has exactly one content, none stops it.
///
/// Line ends are LF or CR LF. A byte order mark, NULs that a power cut left behind, octets that are no UTF-8 and
/// UTF-16 (which is how PowerShell redirects) do no harm. As an iterator it gives lines up to the end, the
/// last also when its line end is missing; after an error of the source it ends with what had come till then.
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    recogniser: Recogniser,
    /// The line so far.
    partial: Vec<u8>,
    /// The line so far is longer than any sensible one, and was forgotten.
    is_overlong: bool,
    /// The source began with the mark of UTF-16.
    is_utf16: bool,
    /// Lines given so far.
    lines: u64,
    /// Where the line so far began.
    offset: u64,
    /// How far the source was read.
    position: u64,
    is_over: bool,
}

impl<R: BufRead> Reader<R> {
    /// A reader at the start of a source.
    pub fn new(source: R, origin: Origin) -> Self {
        Self {
            source,
            recogniser: Recogniser::new(origin),
            partial: Vec::new(),
            is_overlong: false,
            is_utf16: false,
            lines: 0,
            offset: 0,
            position: 0,
            is_over: false,
        }
    }

    /// The next whole line; `None` when the source has no more for now. A line that has begun is kept until its end
    /// comes, or until [`finish`](Self::finish).
    ///
    /// # Errors
    /// Those of the source. Nothing is lost by them: reading may go on.
    pub fn read_line(&mut self) -> io::Result<Option<Line>> {
        loop {
            let room = MAX_LINE.saturating_sub(self.partial.len()) as u64 + 1;
            let before = self.partial.len();
            let result = self
                .source
                .by_ref()
                .take(room)
                .read_until(b'\n', &mut self.partial);
            let count = self.partial.len() - before;
            self.position += count as u64;
            result?;
            if self.partial.last() == Some(&b'\n') {
                return Ok(Some(self.take_line()));
            }
            if count == 0 {
                return Ok(None);
            }
            if self.partial.len() > MAX_LINE {
                self.forget();
            }
        }
    }

    /// What is left at the end of the source as a last line, when there is something.
    pub fn finish(&mut self) -> Option<Line> {
        (self.position > self.offset).then(|| self.take_line())
    }

    /// Octets of the source read so far.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The source itself.
    pub fn get_ref(&self) -> &R {
        &self.source
    }

    fn take_line(&mut self) -> Line {
        if self.lines == 0 {
            self.is_utf16 = matches!(self.partial.as_slice(), [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..]);
        }
        if self.is_utf16 {
            // Telegrams are ASCII: without its zeros and its mark, UTF-16 is the same text.
            self.partial.retain(|octet| !matches!(octet, 0 | 0xFE | 0xFF));
        }
        let content = if self.is_overlong {
            Content::Rejected(Rejection::new(
                Code::TooLong,
                format!("a line of more than {MAX_LINE} octets"),
            ))
        } else {
            self.recogniser.line(&self.partial)
        };
        self.partial.clear();
        self.is_overlong = false;
        self.lines += 1;
        let line = Line {
            number: self.lines,
            offset: self.offset,
            end: self.position,
            content,
        };
        self.offset = self.position;
        line
    }

    /// Drops the line so far. A hole of NULs in front of a line does not make it too long.
    fn forget(&mut self) {
        if self.partial.iter().any(|octet| *octet != 0) {
            self.is_overlong = true;
        }
        self.partial.clear();
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return self.finish().map(Ok);
        }
        match self.read_line() {
            Ok(Some(line)) => Some(Ok(line)),
            Ok(None) => {
                self.is_over = true;
                self.finish().map(Ok)
            }
            Err(error) => {
                self.is_over = true;
                Some(Err(error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    const HEX: &str = "0F440102785634120107744778001122";

    fn lines(octets: &[u8]) -> Vec<Line> {
        Reader::new(octets, Origin::new("test"))
            .map(Result::unwrap)
            .collect()
    }

    fn summary(octets: &[u8]) -> Vec<(u64, &'static str)> {
        let of = |line: Line| {
            let content = match line.content {
                Content::Telegrams(_) => "telegram",
                Content::Rejected(rejection) => rejection.code.code(),
                Content::Skipped(skipped) => skipped.code(),
            };
            (line.number, content)
        };
        lines(octets).into_iter().map(of).collect()
    }

    #[test]
    fn every_line_is_counted_whatever_its_end() {
        let text = format!("{HEX}\r\n\n# comment\nnoise\n{HEX}");
        assert_eq!(
            summary(text.as_bytes()),
            [
                (1, "telegram"),
                (2, "empty"),
                (3, "comment"),
                (4, "not_a_telegram"),
                (5, "telegram")
            ]
        );
        let lines = lines(text.as_bytes());
        assert_eq!(lines[0].offset, 0);
        assert!(lines.windows(2).all(|pair| pair[0].end == pair[1].offset));
        assert_eq!(lines[4].end, text.len() as u64);
        assert_eq!(summary(b""), []);
        assert_eq!(summary(b"\n"), [(1, "empty")]);
    }

    #[test]
    fn an_overlong_line_is_one_line_and_the_next_is_read() {
        let mut text = vec![b'7'; MAX_LINE * 3];
        text.extend_from_slice(format!("\n{HEX}\n").as_bytes());
        assert_eq!(summary(&text), [(1, "too_long"), (2, "telegram")]);
        let text = vec![b'7'; MAX_LINE + 1];
        assert_eq!(summary(&text), [(1, "too_long")]);
        let exact = [vec![b'#'; MAX_LINE], b"\n".to_vec()].concat();
        assert_eq!(summary(&exact), [(1, "comment")]);
    }

    #[test]
    fn a_hole_of_nuls_does_not_swallow_the_line_behind_it() {
        let mut text = vec![0; MAX_LINE * 2 + 17];
        text.extend_from_slice(format!("{HEX}\n").as_bytes());
        assert_eq!(summary(&text), [(1, "telegram")]);
        assert_eq!(lines(&text)[0].end, text.len() as u64);
    }

    #[test]
    fn utf_16_is_read_as_the_text_it_is() {
        let text = format!("\u{feff}{HEX}\r\n# caf\u{e9}\r\n{HEX}");
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let expected = [(1, "telegram"), (2, "comment"), (3, "telegram")];
        assert_eq!(summary(&little), expected);
        assert_eq!(summary(&big), expected);
        assert_eq!(summary(text.as_bytes()), expected);
    }

    #[test]
    fn a_line_that_has_begun_waits_for_its_end() {
        let mut reader = Reader::new(BufReader::new(Growing::default()), Origin::new("test"));
        assert_eq!(reader.read_line().unwrap(), None);
        reader.source.get_mut().0.extend_from_slice(&HEX.as_bytes()[..20]);
        assert_eq!(reader.read_line().unwrap(), None);
        reader
            .source
            .get_mut()
            .0
            .extend_from_slice(format!("{}\n", &HEX[20..]).as_bytes());
        assert!(matches!(
            reader.read_line().unwrap().unwrap().content,
            Content::Telegrams(_)
        ));
        assert_eq!(reader.finish(), None);
        reader.source.get_mut().0.extend_from_slice(HEX.as_bytes());
        assert_eq!(reader.read_line().unwrap(), None);
        assert_eq!(reader.finish().unwrap().number, 2);
        assert_eq!(reader.finish(), None);
    }

    /// A source that has more later.
    #[derive(Debug, Default)]
    struct Growing(Vec<u8>);

    impl Read for Growing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = buffer.len().min(self.0.len());
            for (to, from) in buffer.iter_mut().zip(self.0.drain(..count)) {
                *to = from;
            }
            Ok(count)
        }
    }

    #[test]
    fn an_error_of_the_source_ends_the_iterator_once() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        let mut reader = Reader::new(BufReader::new(Broken), Origin::new("test"));
        assert!(reader.next().unwrap().is_err());
        assert!(reader.next().is_none());
    }
}
