//! A build without S3.

use std::convert::Infallible;
use std::path::Path;

use anyhow::{Error, bail};

use super::{Pushed, Server, Settings};
use crate::exit::{Exit, GET_ALL};

/// None.
pub(crate) struct Cache(Infallible);

impl Cache {
    /// Refuses what this build does not have.
    pub(crate) fn of_run(_: &str, _: &Server, _: &[&str]) -> Result<Self, Error> {
        bail!("this program was built without S3: {GET_ALL}")
    }

    /// Refuses what this build does not have.
    pub(crate) fn of_runs(_: &str, _: &Server) -> Result<Self, Error> {
        bail!("this program was built without S3: {GET_ALL}")
    }

    pub(crate) fn folder(&self) -> &Path {
        match self.0 {}
    }
}

pub(super) async fn check(_: &str, _: &Settings) -> Result<(), Error> {
    bail!("this program was built without S3: {GET_ALL}")
}

pub(super) async fn push(_: &Path, _: &str, _: &Settings) -> Result<Pushed, Error> {
    bail!("this program was built without S3: {GET_ALL}")
}

pub(crate) fn verify(_: &str, _: &Server, _: Option<&Path>, _: bool) -> Result<Exit, Error> {
    bail!("this program was built without S3: {GET_ALL}")
}

pub(crate) fn list(_: &str, _: &Server, _: bool) -> Result<Exit, Error> {
    bail!("this program was built without S3: {GET_ALL}")
}
