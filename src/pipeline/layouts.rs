//! Layouts of compact frames: those of pages, those that were heard, and those that an earlier run heard.
//!
//! Two layouts can have one signature, which is a CRC of 16 bits: all are tried, and the CRC of the full frame decides. A
//! layout of an earlier run opens only what came after it, so that a file replayed twice gives the same both times.

use wmbus::apl::compact::{Compact, Layout, headers_of, signature_of};
use wmbus::{Error, ErrorKind, Layer};

use crate::hash::Map;

/// All layouts that are known. Bounded: of those that were heard, the one not used for longest makes room.
#[derive(Debug, Default)]
pub(super) struct Layouts {
    known: Map<u16, Vec<Known>>,
    count: usize,
    uses: u64,
    /// The latest that was heard, and that nobody has kept yet.
    news: Option<Layout>,
    /// Room for the headers of the latest frame.
    headers: Vec<u8>,
}

#[derive(Debug)]
struct Known {
    layout: Layout,
    /// The first second of reception that it may be used for.
    from: i64,
    /// The second under which it is kept for later runs.
    kept: Option<i64>,
    of_page: bool,
    used: u64,
}

impl Known {
    /// It was heard at a second; true when that should be kept for later runs.
    fn heard(&mut self, at: i64) -> bool {
        self.from = i64::MIN;
        let is_news = !self.of_page && self.kept.is_none_or(|kept| at < kept);
        if is_news {
            self.kept = Some(at);
        }
        is_news
    }
}

/// Layouts that can be known; a building has a handful.
const MOST: usize = 1024;
/// Layouts of one signature.
const MOST_ALIKE: usize = 4;

impl Layouts {
    /// Takes a layout that a page knows; it never makes room.
    pub(super) fn of_page(&mut self, layout: &Layout) {
        self.change(layout, |known| {
            known.of_page = true;
            known.from = i64::MIN;
        });
    }

    /// Takes a layout that an earlier run heard at a second.
    pub(super) fn recall(&mut self, layout: &Layout, at: i64) {
        self.change(layout, |known| {
            known.from = known.from.min(at);
            known.kept = Some(known.kept.map_or(at, |kept| kept.min(at)));
        });
    }

    /// Takes the layout of a full frame that was heard at a second. Most were heard before, and cost nothing but a look.
    pub(super) fn heard_frame(&mut self, payload: &[u8], at: i64) {
        let mut headers = std::mem::take(&mut self.headers);
        if headers_of(payload, &mut headers)
            && !self.heard_again(&headers, at)
            && let Some(layout) = Layout::of_headers(&headers)
        {
            self.heard(layout, at);
        }
        self.headers = headers;
    }

    /// Takes a layout that was heard at a second.
    pub(super) fn heard(&mut self, layout: Layout, at: i64) {
        let mut is_news = false;
        self.change(&layout, |known| is_news = known.heard(at));
        if is_news {
            self.news = Some(layout);
        }
    }

    /// A layout with these headers was heard; false when it is not known yet.
    fn heard_again(&mut self, headers: &[u8], at: i64) -> bool {
        let mut alike = self.known.get_mut(&signature_of(headers)).into_iter().flatten();
        let Some(known) = alike.find(|known| known.layout.headers() == headers) else {
            return false;
        };
        self.uses += 1;
        known.used = self.uses;
        if known.heard(at) {
            self.news = Some(known.layout.clone());
        }
        true
    }

    /// The layout that was heard since this was asked, if it should be kept.
    pub(super) fn news(&mut self) -> Option<Layout> {
        self.news.take()
    }

    /// A layout with a signature.
    pub(super) fn get(&self, signature: u16) -> Option<&Layout> {
        let known = self.known.get(&signature)?;
        known.first().map(|known| &known.layout)
    }

    /// The full frame of a compact one that was received at a second; `at` is its offset in the telegram.
    pub(super) fn expand(
        &mut self,
        compact: &Compact<'_>,
        received: i64,
        at: usize,
    ) -> Result<Vec<u8>, Error> {
        self.uses += 1;
        let signature = compact.signature;
        let mut outcome = Err(Error {
            layer: Layer::Application,
            at,
            kind: ErrorKind::UnknownCompactFormat { signature },
        });
        let alike = self
            .known
            .get_mut(&signature)
            .map_or(&mut [][..], Vec::as_mut_slice);
        for known in alike.iter_mut().filter(|known| known.from <= received) {
            outcome = known.layout.expand(compact);
            if outcome.is_ok() {
                known.used = self.uses;
                break;
            }
        }
        outcome
    }

    /// Changes what is known of a layout, which is added when nothing is.
    fn change(&mut self, layout: &Layout, change: impl FnOnce(&mut Known)) {
        let signature = layout.signature();
        self.uses += 1;
        let used = self.uses;
        let alike = self.known.entry(signature).or_default();
        if let Some(known) = alike.iter_mut().find(|known| known.layout == *layout) {
            known.used = used;
            return change(known);
        }
        let full = alike.len() >= MOST_ALIKE;
        if full || self.count >= MOST {
            self.make_room(full.then_some(signature));
        }
        let mut known = Known {
            layout: layout.clone(),
            from: i64::MAX,
            kept: None,
            of_page: false,
            used,
        };
        change(&mut known);
        self.known.entry(signature).or_default().push(known);
        self.count += 1;
    }

    /// Forgets the layout that was not used for longest: of one signature, or of all. Pages are not forgotten.
    fn make_room(&mut self, signature: Option<u16>) {
        let oldest = self
            .known
            .iter()
            .filter(|(of, _)| signature.is_none_or(|signature| signature == **of))
            .flat_map(|(of, alike)| alike.iter().map(|known| (*of, known)))
            .filter(|(_, known)| !known.of_page)
            .min_by_key(|(_, known)| known.used)
            .map(|(of, known)| (of, known.used));
        let Some((of, used)) = oldest else { return };
        if let Some(alike) = self.known.get_mut(&of) {
            alike.retain(|known| known.used != used || known.of_page);
            self.count -= 1;
            if alike.is_empty() {
                self.known.remove(&of);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use wmbus::apl::compact::compact;

    use super::*;

    const FULL: [u8; 10] = [0x04, 0x13, 0x10, 0x27, 0x00, 0x00, 0x02, 0x5A, 0x20, 0x00];

    fn layout() -> Layout {
        Layout::of_full_frame(&FULL).unwrap()
    }

    fn expand(layouts: &mut Layouts, received: i64) -> Result<Vec<u8>, Error> {
        let octets = compact(&FULL).unwrap();
        layouts.expand(&Compact::parse(&octets, 0).unwrap(), received, 0)
    }

    /// A layout of its own for each number: temperatures under storage numbers.
    fn other(number: u16) -> Layout {
        let [low, high] = number.to_le_bytes();
        Layout::of_headers(&[
            0x82,
            0x80 | (low & 0x0F),
            0x80 | (low >> 4),
            0x80 | (high & 0x0F),
            0x01,
            0x5A,
        ])
        .unwrap()
    }

    #[test]
    fn what_an_earlier_run_heard_opens_what_came_later() {
        let mut layouts = Layouts::default();
        assert!(expand(&mut layouts, 50).is_err());
        layouts.recall(&layout(), 100);
        let error = expand(&mut layouts, 99).unwrap_err();
        assert!(matches!(error.kind, ErrorKind::UnknownCompactFormat { .. }));
        assert_eq!(expand(&mut layouts, 100).unwrap(), FULL);
        // Heard in this run, it opens all; and it is kept once, under its earliest second.
        layouts.heard_frame(&FULL, 200);
        assert_eq!(layouts.news(), None);
        assert_eq!(expand(&mut layouts, 1).unwrap(), FULL);
        layouts.heard_frame(&FULL, 90);
        assert_eq!(layouts.news(), Some(layout()));
        layouts.heard_frame(&FULL, 95);
        assert_eq!(layouts.news(), None);
    }

    #[test]
    fn what_a_page_knows_need_not_be_kept() {
        let mut layouts = Layouts::default();
        layouts.of_page(&layout());
        layouts.heard_frame(&FULL, 5);
        layouts.heard(layout(), 5);
        assert_eq!(layouts.news(), None);
        assert_eq!(expand(&mut layouts, 0).unwrap(), FULL);
    }

    #[test]
    fn a_frame_shows_its_layout_when_all_of_it_is_records() {
        let mut layouts = Layouts::default();
        layouts.heard_frame(&FULL[..9], 5);
        layouts.heard_frame(&[], 5);
        assert_eq!((layouts.count, layouts.news()), (0, None));
        layouts.heard_frame(&FULL, 5);
        assert_eq!(layouts.news(), Some(layout()));
        layouts.heard_frame(&FULL, 6);
        assert_eq!((layouts.count, layouts.news()), (1, None));
        assert_eq!(expand(&mut layouts, 0).unwrap(), FULL);
    }

    #[test]
    fn a_flood_of_layouts_pushes_out_neither_pages_nor_what_is_used() {
        let mut layouts = Layouts::default();
        layouts.of_page(&other(0));
        layouts.heard(layout(), 1);
        for number in 1..=4000 {
            layouts.heard(other(number), 1);
            expand(&mut layouts, 1).unwrap();
        }
        let count: usize = layouts.known.values().map(Vec::len).sum();
        assert_eq!(count, layouts.count);
        assert!(count <= MOST);
        assert!(layouts.get(other(0).signature()).is_some());
    }
}
