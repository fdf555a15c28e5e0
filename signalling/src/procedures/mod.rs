//! One 3GPP procedure a file.
