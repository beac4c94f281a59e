//! `touch`: reading files into the cache by `mman touch` against `vmtouch -t`, and a large file against every way that
//! is known.

use crate::child::{self, Cost, Sink};
use crate::contender::{Contender, beside};
use crate::failure::Result;
use crate::file::Sample;
use crate::machine;
use crate::measure::{Samples, interleave};
use crate::table::{Table, mebibytes, ratio, spread, time};
use crate::tree::Tree;

const ROUNDS: usize = 5;
const FILES: usize = 50_000;
const LEN: u64 = 2 << 30;

pub fn run() -> Result<()> {
    let about =
        format!("{ROUNDS} rounds; {FILES} files of 1 to 30 KiB, and one file of 2 GiB, cold");
    println!("{}", machine::header("touch", &about));
    let head =
        ["files", "program", "wall", "p10 - p90", "is x ours", "CPU", "is x ours", "peak MiB"];
    let mut table = Table::new(2, head);
    let tree = Tree::new(FILES)?;
    let mut small = vec![beside("mman touch", &["touch", "-q"])?];
    small.extend(Contender::on_path("vmtouch -t", "vmtouch", &["-qt"]));
    rows(&mut table, &format!("{} small", tree.files()), &small, tree.path(), &|| tree.evict())?;
    drop(tree);
    let sample = Sample::new(LEN)?;
    let mut large = vec![beside("mman touch", &["touch", "-q"])?];
    large.extend(Contender::on_path("vmtouch -t", "vmtouch", &["-qt"]));
    large.extend(Contender::on_path("cat", "cat", &[]));
    for (name, piece) in [("dd bs=1M", "bs=1M"), ("dd bs=16M", "bs=16M")] {
        let dd = Contender::on_path(name, "dd", &["of=/dev/null", piece, "status=none"]);
        large.extend(dd.map(|dd| dd.with_path_behind("if=")));
    }
    for way in ["populate", "sendfile", "willneed"] {
        large.push(Contender::own(way, &["touch-by", way])?);
    }
    rows(&mut table, "1 of 2 GiB", &large, sample.path(), &|| sample.evict())?;
    println!("{table}");
    println!(
        "\"is x ours\": the time of this program divided by that of the first, as the median of the ratios of \
         single rounds. populate, sendfile, willneed: a loop of nothing but that call. Pages that were reclaimed \
         meanwhile are no failure here."
    );
    Ok(())
}

/// Each contender, with the files cold before each run.
pub fn rows(
    table: &mut Table,
    name: &str,
    contenders: &[Contender],
    path: &std::path::Path,
    prepare: &dyn Fn() -> Result<()>,
) -> Result<()> {
    let mut buffer = Vec::new();
    let mut contenders: Vec<&Contender> = contenders.iter().collect();
    let costs = interleave(ROUNDS, &mut contenders, |contender| {
        prepare()?;
        // 1: ran, and some pages were reclaimed again, or are left.
        child::run_up_to(&mut contender.command(path), Sink::Null, &mut buffer, 1)
    })?;
    let of = |which: fn(&Cost) -> f64| -> Vec<Samples> {
        costs.iter().map(|runs| Samples::new(runs.iter().map(which))).collect()
    };
    let (wall, cpu) = (of(|cost| cost.wall), of(|cost| cost.cpu));
    for (place, contender) in contenders.iter().enumerate() {
        prepare()?;
        let peak = child::peak_up_to(&mut contender.command(path), 1)?;
        table.row([
            name.to_owned(),
            contender.name.clone(),
            time(wall[place].median()),
            spread(&wall[place], time),
            ratio(&wall[place].ratio_to(&wall[0])),
            time(cpu[place].median()),
            ratio(&cpu[place].ratio_to(&cpu[0])),
            mebibytes(peak),
        ]);
    }
    Ok(())
}
