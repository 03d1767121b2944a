//! AES-CTR, the cipher of the extended link layer.

use aes::Aes128Enc;
use aes::cipher::{KeyIvInit, StreamCipher};

/// Encrypts or decrypts in place: the operation is its own inverse. `counter_block` is that of the first 16 octets.
pub(crate) fn apply(key: &[u8; 16], counter_block: &[u8; 16], octets: &mut [u8]) {
    ctr::Ctr128BE::<Aes128Enc>::new(key.into(), counter_block.into()).apply_keystream(octets);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_is_nothing() {
        let mut octets = [7; 40];
        apply(&[1; 16], &[2; 16], &mut octets);
        assert_ne!(octets[..16], octets[16..32]);
        apply(&[1; 16], &[2; 16], &mut octets);
        assert_eq!(octets, [7; 40]);
    }
}
