//! Makes the packets of `binary` out of their one description, `proto/hongyan.proto`: their types, their bytes, and
//! the standard JSON mapping of proto3. Owns: how the generated code looks. Never: needs a protobuf compiler installed.

use prost::Message;
use std::error::Error;
use std::path::PathBuf;

const DIRECTORY: &str = "proto";
const FILE: &str = "proto/hongyan.proto";
const PACKAGE: &str = ".hongyan.v1";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={FILE}");
    let described = protox::compile([FILE], [DIRECTORY])?;
    let bytes = described.encode_to_vec();
    // Maps in the order of their keys, so that the same packet has the same bytes.
    prost_build::Config::new().bytes(["."]).btree_map(["."]).compile_fds(described)?;
    let out = std::env::var_os("OUT_DIR").map(PathBuf::from).ok_or("cargo says where")?;
    // A field that a client has and this server has not is no fault: the same as in the bytes.
    pbjson_build::Builder::new()
        .out_dir(out)
        .register_descriptors(&bytes)?
        .ignore_unknown_fields()
        .btree_map([PACKAGE])
        .build(&[PACKAGE])?;
    Ok(())
}
