//! The models of meters that hang in the simulated building: real families, with the protection they are sold with.

use wmbus::Manufacturer;

/// One model of meter.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Model {
    /// The family's page that speaks for it.
    pub(crate) family: &'static str,
    /// Maker, three letters.
    pub(crate) maker: &'static str,
    /// Version octet.
    pub(crate) version: u8,
    /// Device type octet.
    pub(crate) device_type: u8,
    /// How its telegrams are sealed.
    pub(crate) protection: Protection,
    /// Its register's smallest step, in the store's unit (millilitres; thousandths of an allocation unit).
    pub(crate) step: u64,
}

/// How a telegram is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protection {
    /// Not at all.
    Plain,
    /// Transport layer security mode 5: AES-CBC with a fixed key.
    Mode5,
    /// Security mode 7: a key derived for each telegram, and a MAC in the authentication layer.
    Mode7,
    /// AES-CTR of the extended link layer.
    LinkCtr,
}

impl Model {
    pub(crate) fn manufacturer(&self) -> Manufacturer {
        self.maker.parse().unwrap_or(Manufacturer(0))
    }
}

/// Hot-water meters.
pub(crate) const HOT_WATER: &[Model] = &[
    Model {
        family: "qundis-qwater",
        maker: "QDS",
        version: 0x16,
        device_type: 0x06,
        protection: Protection::Plain,
        step: 1000,
    },
    Model {
        family: "kamstrup-multical-21",
        maker: "KAM",
        version: 0x1B,
        device_type: 0x06,
        protection: Protection::LinkCtr,
        step: 1000,
    },
    Model {
        family: "sensus-iperl",
        maker: "SEN",
        version: 0x68,
        device_type: 0x06,
        protection: Protection::Mode5,
        step: 1000,
    },
    Model {
        family: "diehl-hydrus",
        maker: "DME",
        version: 0x70,
        device_type: 0x06,
        protection: Protection::Mode7,
        step: 1000,
    },
    Model {
        family: "diehl-izar",
        maker: "DME",
        version: 0x78,
        device_type: 0x06,
        protection: Protection::Plain,
        step: 1000,
    },
    Model {
        family: "sontex-supercom-587",
        maker: "SON",
        version: 0x3C,
        device_type: 0x06,
        protection: Protection::Plain,
        step: 1000,
    },
];

/// Heat cost allocators.
pub(crate) const HEATING: &[Model] = &[
    Model {
        family: "qundis-caloric",
        maker: "QDS",
        version: 0x34,
        device_type: 0x08,
        protection: Protection::Plain,
        step: 1000,
    },
    Model {
        family: "techem-fhkv-4",
        maker: "TCH",
        version: 0x94,
        device_type: 0x08,
        protection: Protection::Mode7,
        step: 1000,
    },
    Model {
        family: "zenner-caltos",
        maker: "ZRI",
        version: 0xFC,
        device_type: 0x08,
        protection: Protection::Mode5,
        step: 1000,
    },
    Model {
        family: "sontex-868",
        maker: "SON",
        version: 0x16,
        device_type: 0x08,
        protection: Protection::Plain,
        step: 1000,
    },
    Model {
        family: "innotas-euris-ii",
        maker: "INE",
        version: 0x55,
        device_type: 0x08,
        protection: Protection::Mode5,
        step: 1000,
    },
];
