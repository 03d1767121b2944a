//! The only file that slices octets: every take either gives octets or an error that knows the offset.

use crate::error::{Error, ErrorKind, Layer};

/// A position in octets that somebody else sent.
///
/// Offsets are counted from the start of the telegram, also when the cursor stands on a part of it.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    octets: &'a [u8],
    /// Offset of `octets[0]` in the telegram.
    base: usize,
    position: usize,
    layer: Layer,
}

impl<'a> Cursor<'a> {
    /// A cursor on `octets`, whose first octet stands at `base` of the telegram, for errors of `layer`.
    pub(crate) fn new(octets: &'a [u8], base: usize, layer: Layer) -> Self {
        Self {
            octets,
            base,
            position: 0,
            layer,
        }
    }

    /// The same place, with errors of another layer.
    pub(crate) fn enter(&mut self, layer: Layer) {
        self.layer = layer;
    }

    /// Offset of the next octet in the telegram.
    pub(crate) fn at(&self) -> usize {
        self.base + self.position
    }

    /// How many octets are left.
    pub(crate) fn left(&self) -> usize {
        self.octets.len() - self.position
    }

    /// What is left, without taking it.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.octets.get(self.position..).unwrap_or_default()
    }

    /// The next octet, without taking it.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.octets.get(self.position).copied()
    }

    /// The next `count` octets; `Truncated` when fewer are left.
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        match self.rest().get(..count) {
            Some(octets) => {
                self.position += count;
                Ok(octets)
            }
            None => Err(self.error(ErrorKind::Truncated {
                need: count,
                have: self.left(),
            })),
        }
    }

    /// The next `N` octets as an array.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let octets = self.take(N)?;
        let mut array = [0; N];
        array.copy_from_slice(octets);
        Ok(array)
    }

    /// The next octet.
    pub(crate) fn u8(&mut self) -> Result<u8, Error> {
        self.array().map(|[octet]| octet)
    }

    /// The next two octets, least significant first.
    pub(crate) fn u16_le(&mut self) -> Result<u16, Error> {
        self.array().map(u16::from_le_bytes)
    }

    /// The next four octets, least significant first.
    pub(crate) fn u32_le(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_le_bytes)
    }

    /// An error of this layer at this place.
    pub(crate) fn error(&self, kind: ErrorKind) -> Error {
        Error {
            layer: self.layer,
            at: self.at(),
            kind,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_take_beyond_the_end_names_layer_and_offset_and_moves_nothing() {
        let mut cursor = Cursor::new(&[1, 2, 3], 10, Layer::Transport);
        assert_eq!(cursor.u16_le(), Ok(0x0201));
        let error = cursor.u32_le().unwrap_err();
        assert_eq!(
            error,
            Error {
                layer: Layer::Transport,
                at: 12,
                kind: ErrorKind::Truncated { need: 4, have: 1 }
            }
        );
        assert_eq!(cursor.u8(), Ok(3));
        assert_eq!(cursor.left(), 0);
    }
}
