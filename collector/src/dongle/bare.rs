//! Telegrams on a line that has no frame of its own: only L says where one ends, and only C that it is one.

use wmbus::dll::{Control, Flow};

/// Shortest L that is believed: nothing shorter carries meter data.
const MIN_LENGTH: u8 = 10;

/// True when a telegram from a meter may begin with this L and this C. There is no other check: one C in 32 looks so.
pub(super) fn may_begin(length: u8, control: u8) -> bool {
    length >= MIN_LENGTH && is_from_meter(control)
}

/// True for the C-fields that meters send.
pub(super) fn is_from_meter(control: u8) -> bool {
    Control(control).flow() == Flow::FromMeter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_lengths_and_strange_control_fields_begin_nothing() {
        assert!(may_begin(0x1E, 0x44));
        assert!(may_begin(0x0A, 0x08));
        assert!(!may_begin(0x09, 0x44));
        assert!(!may_begin(0x1E, 0x53));
        assert!(!may_begin(0x1E, 0xFF));
        let believed = (0..=255).filter(|control| is_from_meter(*control)).count();
        assert_eq!(believed, 8);
    }
}
