//! Error numbers of the kernel, as an open number with names.
#![allow(missing_docs, reason = "the names are the documentation: errno(3) has a line for each")]

use crate::names::open_number;
use core::fmt;
use linux_raw_sys::errno as raw;

open_number! {
    /// What a system call answered instead of a result: the kernel's error number, positive.
    ///
    /// `Debug` and `Display` print the name. The numbers are those of `<errno.h>`; their meaning for
    /// each call is in its manual page. EWOULDBLOCK and EDEADLOCK are EAGAIN and EDEADLK here.
    Errno(i32) {
        EPERM = raw::EPERM;
        ENOENT = raw::ENOENT;
        ESRCH = raw::ESRCH;
        EINTR = raw::EINTR;
        EIO = raw::EIO;
        ENXIO = raw::ENXIO;
        E2BIG = raw::E2BIG;
        ENOEXEC = raw::ENOEXEC;
        EBADF = raw::EBADF;
        ECHILD = raw::ECHILD;
        EAGAIN = raw::EAGAIN;
        ENOMEM = raw::ENOMEM;
        EACCES = raw::EACCES;
        EFAULT = raw::EFAULT;
        ENOTBLK = raw::ENOTBLK;
        EBUSY = raw::EBUSY;
        EEXIST = raw::EEXIST;
        EXDEV = raw::EXDEV;
        ENODEV = raw::ENODEV;
        ENOTDIR = raw::ENOTDIR;
        EISDIR = raw::EISDIR;
        EINVAL = raw::EINVAL;
        ENFILE = raw::ENFILE;
        EMFILE = raw::EMFILE;
        ENOTTY = raw::ENOTTY;
        ETXTBSY = raw::ETXTBSY;
        EFBIG = raw::EFBIG;
        ENOSPC = raw::ENOSPC;
        ESPIPE = raw::ESPIPE;
        EROFS = raw::EROFS;
        EMLINK = raw::EMLINK;
        EPIPE = raw::EPIPE;
        EDOM = raw::EDOM;
        ERANGE = raw::ERANGE;
        EDEADLK = raw::EDEADLK;
        ENAMETOOLONG = raw::ENAMETOOLONG;
        ENOLCK = raw::ENOLCK;
        ENOSYS = raw::ENOSYS;
        ENOTEMPTY = raw::ENOTEMPTY;
        ELOOP = raw::ELOOP;
        ENOMSG = raw::ENOMSG;
        EIDRM = raw::EIDRM;
        ECHRNG = raw::ECHRNG;
        EL2NSYNC = raw::EL2NSYNC;
        EL3HLT = raw::EL3HLT;
        EL3RST = raw::EL3RST;
        ELNRNG = raw::ELNRNG;
        EUNATCH = raw::EUNATCH;
        ENOCSI = raw::ENOCSI;
        EL2HLT = raw::EL2HLT;
        EBADE = raw::EBADE;
        EBADR = raw::EBADR;
        EXFULL = raw::EXFULL;
        ENOANO = raw::ENOANO;
        EBADRQC = raw::EBADRQC;
        EBADSLT = raw::EBADSLT;
        EBFONT = raw::EBFONT;
        ENOSTR = raw::ENOSTR;
        ENODATA = raw::ENODATA;
        ETIME = raw::ETIME;
        ENOSR = raw::ENOSR;
        ENONET = raw::ENONET;
        ENOPKG = raw::ENOPKG;
        EREMOTE = raw::EREMOTE;
        ENOLINK = raw::ENOLINK;
        EADV = raw::EADV;
        ESRMNT = raw::ESRMNT;
        ECOMM = raw::ECOMM;
        EPROTO = raw::EPROTO;
        EMULTIHOP = raw::EMULTIHOP;
        EDOTDOT = raw::EDOTDOT;
        EBADMSG = raw::EBADMSG;
        EOVERFLOW = raw::EOVERFLOW;
        ENOTUNIQ = raw::ENOTUNIQ;
        EBADFD = raw::EBADFD;
        EREMCHG = raw::EREMCHG;
        ELIBACC = raw::ELIBACC;
        ELIBBAD = raw::ELIBBAD;
        ELIBSCN = raw::ELIBSCN;
        ELIBMAX = raw::ELIBMAX;
        ELIBEXEC = raw::ELIBEXEC;
        EILSEQ = raw::EILSEQ;
        ERESTART = raw::ERESTART;
        ESTRPIPE = raw::ESTRPIPE;
        EUSERS = raw::EUSERS;
        ENOTSOCK = raw::ENOTSOCK;
        EDESTADDRREQ = raw::EDESTADDRREQ;
        EMSGSIZE = raw::EMSGSIZE;
        EPROTOTYPE = raw::EPROTOTYPE;
        ENOPROTOOPT = raw::ENOPROTOOPT;
        EPROTONOSUPPORT = raw::EPROTONOSUPPORT;
        ESOCKTNOSUPPORT = raw::ESOCKTNOSUPPORT;
        EOPNOTSUPP = raw::EOPNOTSUPP;
        EPFNOSUPPORT = raw::EPFNOSUPPORT;
        EAFNOSUPPORT = raw::EAFNOSUPPORT;
        EADDRINUSE = raw::EADDRINUSE;
        EADDRNOTAVAIL = raw::EADDRNOTAVAIL;
        ENETDOWN = raw::ENETDOWN;
        ENETUNREACH = raw::ENETUNREACH;
        ENETRESET = raw::ENETRESET;
        ECONNABORTED = raw::ECONNABORTED;
        ECONNRESET = raw::ECONNRESET;
        ENOBUFS = raw::ENOBUFS;
        EISCONN = raw::EISCONN;
        ENOTCONN = raw::ENOTCONN;
        ESHUTDOWN = raw::ESHUTDOWN;
        ETOOMANYREFS = raw::ETOOMANYREFS;
        ETIMEDOUT = raw::ETIMEDOUT;
        ECONNREFUSED = raw::ECONNREFUSED;
        EHOSTDOWN = raw::EHOSTDOWN;
        EHOSTUNREACH = raw::EHOSTUNREACH;
        EALREADY = raw::EALREADY;
        EINPROGRESS = raw::EINPROGRESS;
        ESTALE = raw::ESTALE;
        EUCLEAN = raw::EUCLEAN;
        ENOTNAM = raw::ENOTNAM;
        ENAVAIL = raw::ENAVAIL;
        EISNAM = raw::EISNAM;
        EREMOTEIO = raw::EREMOTEIO;
        EDQUOT = raw::EDQUOT;
        ENOMEDIUM = raw::ENOMEDIUM;
        EMEDIUMTYPE = raw::EMEDIUMTYPE;
        ECANCELED = raw::ECANCELED;
        ENOKEY = raw::ENOKEY;
        EKEYEXPIRED = raw::EKEYEXPIRED;
        EKEYREVOKED = raw::EKEYREVOKED;
        EKEYREJECTED = raw::EKEYREJECTED;
        EOWNERDEAD = raw::EOWNERDEAD;
        ENOTRECOVERABLE = raw::ENOTRECOVERABLE;
        ERFKILL = raw::ERFKILL;
        EHWPOISON = raw::EHWPOISON;
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl core::error::Error for Errno {}
