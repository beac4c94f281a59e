#![allow(unsafe_code, clippy::unwrap_used)]
use mman_sys::*;
use mman_typed::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let fd = open(a[1].as_bytes(), OpenFlags::RDWR, TypedFlags::ALLOCATE).unwrap();
    let unit = info(fd).unwrap().unit as usize;
    let mut v = Vec::new();
    for w in &a[2..] {
        if let Some(n) = w.strip_prefix('-') {
            let n: usize = n.parse().unwrap();
            let (p, l): (*mut core::ffi::c_void, usize) = v[n];
            unsafe {
                unmap(p, l).unwrap();
            }
            continue;
        }
        if let Some(n) = w.strip_prefix('%') {
            let n: usize = n.parse().unwrap();
            for (p, l) in v.iter().step_by(n) {
                unsafe {
                    unmap(*p, *l).unwrap();
                }
            }
            continue;
        }
        let (n, times) =
            w.split_once('x').map_or((w.as_str(), 1), |(n, t)| (n, t.parse().unwrap()));
        for _ in 0..times {
            let l = n.parse::<usize>().unwrap() * unit;
            let p = unsafe {
                map(core::ptr::null_mut(), l, Prot::READ | Prot::WRITE, MapFlags::SHARED, fd, 0)
            }
            .unwrap();
            v.push((p, l));
        }
    }
    std::thread::sleep(std::time::Duration::from_secs(3000));
}
