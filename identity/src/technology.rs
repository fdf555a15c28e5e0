use std::fmt;

/// An access technology, by its name in the specifications (TS 21.905).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Technology {
    /// 5G: NG-RAN and the 5G core.
    Nr,
    /// 4G: E-UTRAN and the evolved packet core. Nothing of it is here yet.
    Lte,
    /// 3G: UTRAN and the packet domain. Nothing of it is here yet.
    Umts,
}

impl Technology {
    /// The name, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nr => "nr",
            Self::Lte => "lte",
            Self::Umts => "umts",
        }
    }
}

impl fmt::Display for Technology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
