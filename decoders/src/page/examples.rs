//! The examples of a page, which stand apart from its rules where the page is part of this build.

use std::sync::OnceLock;

use serde::Deserialize;

use super::Example;

/// Examples that are read when somebody asks: most runs need none of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Examples {
    text: &'static str,
    read: OnceLock<Vec<Example>>,
}

impl Examples {
    /// Those in a text that is nothing but examples.
    pub(crate) const fn later(text: &'static str) -> Self {
        Self {
            text,
            read: OnceLock::new(),
        }
    }

    /// None where they can't be read, which a test finds out.
    pub(crate) fn all(&self) -> &[Example] {
        #[derive(Default, Deserialize)]
        struct Part {
            #[serde(default)]
            example: Vec<Example>,
        }
        self.read
            .get_or_init(|| toml::from_str::<Part>(self.text).unwrap_or_default().example)
    }
}

impl From<Vec<Example>> for Examples {
    fn from(read: Vec<Example>) -> Self {
        Self {
            text: "",
            read: read.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use crate::page::Page;
    use crate::{Families, Family};

    #[test]
    fn what_is_embedded_of_a_page_is_the_page() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("families");
        for threads in [1, 3] {
            let families = Families::read_by(threads).unwrap();
            for family in families.iter() {
                let file = format!("{}.toml", family.name);
                let text = fs::read_to_string(folder.join(&file)).unwrap();
                let of_file = Family::new(&file, Page::parse(&file, &text).unwrap()).unwrap();
                assert!(!of_file.examples().is_empty(), "{file}");
                assert_eq!(
                    format!("{:?}", family.examples()),
                    format!("{:?}", of_file.examples())
                );
                let rules = |family: &Family| format!("{:?}", family.without_examples());
                assert_eq!(rules(family), rules(&of_file), "{file}");
            }
            assert!(families.iter().count() > 100);
        }
    }
}
