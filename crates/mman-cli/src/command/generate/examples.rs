//! Examples for the manual: a command, and what it does.

type Example = (&'static str, &'static str);

const EXAMPLES: &[(&str, &[Example])] = &[
    (
        "mman",
        &[
            ("mman stat data/", "How much of data/ is in the page cache."),
            ("mman touch model.gguf", "Read it in now, only what is missing."),
            ("mman evict backup.tar", "Give the memory back."),
            ("mman maps postgres", "What a process has mapped, the largest first."),
            (
                "mman save db/ -o db.warm; mman restore db.warm",
                "Remember what is in memory, and bring it back after a restart.",
            ),
        ],
    ),
    (
        "mman-stat",
        &[
            ("mman stat --map data/", "With a picture of which parts are in memory."),
            ("mman stat --top 10 --by dir /var", "The ten directories with the most in memory."),
            ("mman stat --min 95% -q index/", "Exit with 1 unless 95 % of it are in memory."),
            ("mman stat --json data/", "For programs: an object a line."),
        ],
    ),
    (
        "mman-touch",
        &[
            ("mman touch -r -64M app.log", "The last 64 MiB."),
            ("mman touch --rate 100M --idle data/", "Gently, at most 100 MiB a second."),
            (
                "find . -name '*.idx' -print0 | mman touch --files-from - -0",
                "What another program names.",
            ),
        ],
    ),
    (
        "mman-evict",
        &[
            (
                "mman evict --sync backup.tar",
                "Write changed pages back first, so that they go too.",
            ),
            ("mman evict --keep-tail 1M *.log", "All but the last MiB of each."),
            ("mman evict -n data/", "Say what would be dropped."),
        ],
    ),
    (
        "mman-lock",
        &[
            ("mman lock index/", "Until Ctrl-C."),
            ("mman lock --until 812 index/", "As long as process 812 runs."),
            (
                "mman lock --systemd-unit index/ > /etc/systemd/system/index.service",
                "As a service that says when all is locked.",
            ),
        ],
    ),
    (
        "mman-maps",
        &[
            ("mman maps --by file postgres", "A line for each file that any postgres maps."),
            ("mman maps --sort swap 812", "What is in swap, the most first."),
        ],
    ),
    (
        "mman-who",
        &[
            (
                "mman who /usr/lib/x86_64-linux-gnu/libc.so.6",
                "Which processes map it, lock it or hold it open.",
            ),
            ("mman who --locked index/a", "Who keeps pages of it locked."),
        ],
    ),
    (
        "mman-advise",
        &[
            ("mman advise 812 pageout --file '*.db'", "Page mapped files out of a process."),
            ("mman advise -n firefox cold", "Say which mappings it would be."),
        ],
    ),
    (
        "mman-watch",
        &[
            ("mman watch /var/lib/db", "In a terminal: q ends, space looks at once."),
            ("mman watch -p postgres -n 5", "RSS, PSS and page faults of all processes of a name."),
            ("mman watch db/ --json --count 60 > minute.jsonl", "An object a line, sixty times."),
        ],
    ),
    (
        "mman-save",
        &[
            ("mman save /var/lib/db -o db.warm", "Before the restart."),
            ("mman save --hot / -x -o hot.warm", "Only pages in use, as root."),
            (
                "mman save db/ -o - | ssh standby mman restore -",
                "To another machine with the same files.",
            ),
        ],
    ),
    (
        "mman-restore",
        &[
            ("mman restore db.warm", "After the restart."),
            ("mman restore db.warm --budget 4G", "No more than 4 GiB."),
            ("mman restore db.warm --rebase /srv/old=/srv/new", "The files have moved."),
            ("mman restore --strict db.warm", "Nothing at all if a file has changed: exit with 1."),
        ],
    ),
    (
        "mman-diff",
        &[
            ("mman diff db.warm", "What came and went since."),
            ("mman diff monday.warm tuesday.warm", "Between two moments."),
        ],
    ),
    (
        "mman-cat",
        &[
            ("mman cat data.bin@4096+64 --hex", "Bytes 4096 to 4160."),
            ("mman cat pid:812@0x7ffd1000+4K > stack.bin", "Memory of a process."),
        ],
    ),
    ("mman-log-tail", &[("mman log tail -f app.log", "The last records, and those that come.")]),
    (
        "mman-typed",
        &[
            (
                "mman typed",
                "All ports, how full their pools are, and what is wrong with the configuration.",
            ),
            ("mman typed /huge/2M", "Who holds what of it, and where the free memory is."),
            ("mman typed --runs 2M", "The free runs too, counted by their length."),
            (
                "mman typed --make",
                "At boot, as root: make the pools that the users of a group share.",
            ),
            ("mman typed --check -q", "Exit with 1 unless every table agrees with itself."),
        ],
    ),
    ("mman-doctor", &[("mman doctor", "What this kernel, your rights and your limits allow.")]),
];

/// Those of a page.
pub(super) fn of(page: &str) -> &'static [Example] {
    EXAMPLES.iter().find(|(name, _)| *name == page).map_or(&[], |(_, examples)| examples)
}

#[cfg(test)]
mod tests {
    use super::EXAMPLES;
    use crate::args::Args;
    use clap::Parser;

    /// Every example is one that the command understands.
    #[test]
    fn examples_parse() {
        for (_, examples) in EXAMPLES {
            for (line, _) in *examples {
                for command in line.split(['|', ';']).filter(|part| part.contains("mman ")) {
                    let command = command.split_once("mman ").unwrap().1;
                    let words = command.split('>').next().unwrap().split_whitespace();
                    let words = words.map(|word| word.trim_matches('\''));
                    let parsed = Args::try_parse_from(std::iter::once("mman").chain(words));
                    assert!(parsed.is_ok(), "{line}: {parsed:?}");
                }
            }
        }
    }
}
