//! The columns of a registry list: one table of names, other spellings and meanings, for files, help and export.

use crate::registry::text;

macro_rules! columns {
    ($($variant:ident $name:literal [$($alias:literal),*] $means:literal)*) => {
        /// A column of a list. All are optional; which of them a line needs follows from what it speaks of.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Column {
            $(
                #[doc = $means]
                $variant,
            )*
        }

        impl Column {
            /// All of them, in the order in which they are written.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in a list.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Other names that are understood.
            pub const fn aliases(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($alias),*],)* }
            }

            /// What stands in it, for people.
            pub const fn means(self) -> &'static str {
                match self { $(Self::$variant => $means,)* }
            }
        }
    };
}

columns! {
    Site "site" ["site_code", "residence"]
        "Code of the site: two letters and three digits, AB123."
    SiteName "site_name" ["nom_residence"]
        "What people call the site."
    Address "address" ["adresse", "site_address"]
        "Postal address of the site."
    TimeZone "time_zone" ["timezone", "zone"]
        "IANA name of the site's time zone; Europe/Paris when nothing is said."
    Lot "lot" ["lot_number", "numero_de_lot"]
        "Lot number of the dwelling."
    ClientRef "client_ref" ["client", "reference", "ref_client"]
        "The operator's reference of its client."
    Surface "surface_m2" ["surface"]
        "Habitable surface of the dwelling in m², at most two decimals."
    Kind "kind" ["usage", "use"]
        "What is counted: hot_water, cold_water, heating, heat_energy, cooling, electricity, gas, other; follows from type when that is clear."
    Room "room" ["point", "piece"]
        "The room of the metering point."
    PointNumber "point_number" []
        "1, or 2 for the second of its kind in a room; counted by itself when nothing is said."
    Manufacturer "manufacturer" ["maker", "mfct", "fabricant"]
        "Three letters, KAM."
    Id "id" ["identification_number", "meter_id", "radio_id"]
        "Identification number: up to eight digits."
    Version "version" ["ver"]
        "Version octet, two hexadecimal digits; any when nothing is said."
    Type "type" ["device_type", "medium"]
        "Device type octet, two hexadecimal digits or its name; any when nothing is said."
    PrintedSerial "printed_serial" ["serial", "serial_number", "numero_de_serie"]
        "What stands on the housing; gives manufacturer and id where the maker made that possible."
    Key "key" ["aes_key", "keys", "cle"]
        "32 hexadecimal digits; several separated by |."
    RatingFactor "rating_factor" ["factor", "coefficient"]
        "What a heat cost allocator's count is multiplied by."
    FactorFrom "factor_from" []
        "From when that factor holds; from the installation's beginning when nothing is said."
    From "from" ["installed", "date_pose"]
        "When the meter was mounted: 2024-05-01, 01/05/2024 or an instant; a day begins at 00:00 in the site's zone."
    To "to" ["until", "removed", "date_depose"]
        "When it was taken off; the next meter's from may be the same day."
    StartIndex "start_index" ["index_pose"]
        "What its display showed when it was mounted."
    EndIndex "end_index" ["index_depose"]
        "What its display showed when it was taken off."
    Occupant "occupant" ["role"]
        "Who lives in the dwelling: tenant or owner_occupier; tenant when nothing is said. Never a name."
    MoveIn "move_in" ["entree"]
        "The household's first day: 2024-05-01 or 01/05/2024."
    MoveOut "move_out" ["sortie"]
        "Its last day; the day before the next household's first when nothing is said."
    KeepsHourly "keeps_hourly" []
        "yes when the household agrees that hourly values are kept and shown."
}

impl Column {
    /// The column that a heading means, whatever its case, accents and blanks.
    pub fn of_heading(heading: &str) -> Option<Self> {
        let form = text::words(heading).replace(' ', "_");
        Self::ALL
            .iter()
            .copied()
            .find(|column| column.name() == form || column.aliases().contains(&form.as_str()))
    }

    /// All names, for people.
    pub fn names() -> String {
        let names: Vec<_> = Self::ALL.iter().map(|column| column.name()).collect();
        names.join(", ")
    }

    /// The name of the column most like a heading that means none.
    pub fn nearest(heading: &str) -> Option<&'static str> {
        let form = text::words(heading).replace(' ', "_");
        let likeness = |name: &str| strsim::jaro_winkler(&form, name);
        Self::ALL
            .iter()
            .map(|column| {
                let aliases = column.aliases().iter().map(|alias| likeness(alias));
                (aliases.fold(likeness(column.name()), f64::max), column.name())
            })
            .filter(|(likeness, _)| *likeness > 0.7)
            .max_by(|(a, _), (b, _)| a.total_cmp(b))
            .map(|(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_columns_share_a_name() {
        let mut names: Vec<&str> = Column::ALL
            .iter()
            .flat_map(|column| std::iter::once(column.name()).chain(column.aliases().iter().copied()))
            .collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        for column in Column::ALL {
            assert_eq!(Column::of_heading(column.name()), Some(*column));
            assert!(column.means().ends_with('.'), "{}", column.name());
            for alias in column.aliases() {
                assert_eq!(Column::of_heading(alias), Some(*column));
            }
        }
    }

    #[test]
    fn headings_match_however_they_are_written() {
        for (heading, column) in [
            ("Surface (m²)", Column::Surface),
            (" SITE ", Column::Site),
            ("Numéro de série", Column::PrintedSerial),
            ("Printed-Serial", Column::PrintedSerial),
            ("clé", Column::Key),
        ] {
            assert_eq!(Column::of_heading(heading), Some(column), "{heading}");
        }
        assert_eq!(Column::of_heading("sites"), None);
        assert_eq!(Column::nearest("sites"), Some("site"));
        assert_eq!(Column::nearest("manufactuer"), Some("manufacturer"));
        assert_eq!(Column::nearest("fabricants"), Some("manufacturer"));
        assert_eq!(Column::nearest("kye"), Some("key"));
        assert_eq!(Column::nearest("xyzzy"), None);
    }
}
