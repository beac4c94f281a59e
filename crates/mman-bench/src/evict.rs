//! `evict`: dropping files from the cache by `mman evict` against `vmtouch -e`.

use crate::contender::{Contender, beside};
use crate::failure::Result;
use crate::machine;
use crate::table::Table;
use crate::touch::rows;
use crate::tree::Tree;

const FILES: usize = 50_000;

pub fn run() -> Result<()> {
    let about = format!("5 rounds; {FILES} files of 1 to 30 KiB, all in memory and clean");
    println!("{}", machine::header("evict", &about));
    let head =
        ["files", "program", "wall", "p10 - p90", "is x ours", "CPU", "is x ours", "peak MiB"];
    let mut table = Table::new(2, head);
    let tree = Tree::new(FILES)?;
    let mut contenders = vec![beside("mman evict", &["evict", "-q"])?];
    contenders.extend(Contender::on_path("vmtouch -e", "vmtouch", &["-qe"]));
    let warm = || {
        tree.evict()?;
        tree.warm()
    };
    rows(&mut table, &format!("{} small", tree.files()), &contenders, tree.path(), &warm)?;
    println!("{table}");
    let mebibytes = tree.len() >> 20;
    println!("The files are {mebibytes} MiB. \"is x ours\": as in `touch`.");
    Ok(())
}
