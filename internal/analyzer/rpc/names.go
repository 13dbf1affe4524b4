package rpc

import "strconv"

// procedures of the programs that are read, by number.
var (
	portmapProcs = []string{"NULL", "SET", "UNSET", "GETPORT", "DUMP", "CALLIT"}
	rpcbindProcs = []string{"NULL", "SET", "UNSET", "GETADDR", "DUMP", "BCAST", "GETTIME", "UADDR2TADDR", "TADDR2UADDR", "GETVERSADDR", "INDIRECT", "GETADDRLIST", "GETSTAT"}
	mountProcs   = []string{"NULL", "MNT", "DUMP", "UMNT", "UMNTALL", "EXPORT"}
	nfs2Procs    = []string{"NULL", "GETATTR", "SETATTR", "ROOT", "LOOKUP", "READLINK", "READ", "WRITECACHE", "WRITE", "CREATE", "REMOVE", "RENAME", "LINK", "SYMLINK", "MKDIR", "RMDIR", "READDIR", "STATFS"}
	nfs3Procs    = []string{"NULL", "GETATTR", "SETATTR", "LOOKUP", "ACCESS", "READLINK", "READ", "WRITE", "CREATE", "MKDIR", "SYMLINK", "MKNOD", "REMOVE", "RMDIR", "RENAME", "LINK", "READDIR", "READDIRPLUS", "FSSTAT", "FSINFO", "PATHCONF", "COMMIT"}
	nlmProcs     = []string{"NULL", "TEST", "LOCK", "CANCEL", "UNLOCK", "GRANTED", "TEST_MSG", "LOCK_MSG", "CANCEL_MSG", "UNLOCK_MSG", "GRANTED_MSG", "TEST_RES", "LOCK_RES", "CANCEL_RES", "UNLOCK_RES", "GRANTED_RES"}
	nsmProcs     = []string{"NULL", "STAT", "MON", "UNMON", "UNMON_ALL", "SIMU_CRASH", "NOTIFY"}
)

// ProcedureName returns the name of a procedure in its own document, else its number.
func ProcedureName(program, version, proc uint32) string {
	var l []string
	switch {
	case program == Portmap && version == 2:
		l = portmapProcs
	case program == Portmap:
		l = rpcbindProcs
	case program == Mount:
		l = mountProcs
	case program == NFS && version == 2:
		l = nfs2Procs
	case program == NFS && version == 3:
		l = nfs3Procs
	case program == NFS && version == 4:
		l = []string{"NULL", "COMPOUND"}
	case program == NLM:
		l = nlmProcs
	case program == NSM:
		l = nsmProcs
	}
	if int64(proc) < int64(len(l)) {
		return l[proc]
	}
	return strconv.FormatUint(uint64(proc), 10)
}

// nfsStatus are the names of NFS status codes without their prefix (RFC 1813 2.6, RFC 8881 15.1); those up to 70 are the
// same in all versions, and in the mount protocol.
var nfsStatus = map[uint32]string{
	1: "PERM", 2: "NOENT", 5: "IO", 6: "NXIO", 13: "ACCES", 17: "EXIST", 18: "XDEV", 19: "NODEV", 20: "NOTDIR", 21: "ISDIR", 22: "INVAL",
	27: "FBIG", 28: "NOSPC", 30: "ROFS", 31: "MLINK", 63: "NAMETOOLONG", 66: "NOTEMPTY", 69: "DQUOT", 70: "STALE", 71: "REMOTE",
	10001: "BADHANDLE", 10002: "NOT_SYNC", 10003: "BAD_COOKIE", 10004: "NOTSUPP", 10005: "TOOSMALL", 10006: "SERVERFAULT", 10007: "BADTYPE", 10008: "JUKEBOX",
}

var nfs4Status = map[uint32]string{
	10008: "DELAY", 10009: "SAME", 10010: "DENIED", 10011: "EXPIRED", 10012: "LOCKED", 10013: "GRACE", 10014: "FHEXPIRED", 10015: "SHARE_DENIED",
	10016: "WRONGSEC", 10017: "CLID_INUSE", 10018: "RESOURCE", 10019: "MOVED", 10020: "NOFILEHANDLE", 10021: "MINOR_VERS_MISMATCH",
	10022: "STALE_CLIENTID", 10023: "STALE_STATEID", 10024: "OLD_STATEID", 10025: "BAD_STATEID", 10026: "BAD_SEQID", 10027: "NOT_SAME",
	10028: "LOCK_RANGE", 10029: "SYMLINK", 10030: "RESTOREFH", 10031: "LEASE_MOVED", 10032: "ATTRNOTSUPP", 10033: "NO_GRACE",
	10036: "BADXDR", 10040: "BADNAME", 10044: "OP_ILLEGAL", 10052: "BADSESSION", 10053: "BADSLOT",
	10054: "COMPLETE_ALREADY", 10055: "CONN_NOT_BOUND_TO_SESSION", 10063: "SEQ_MISORDERED", 10071: "OP_NOT_IN_SESSION", 10078: "DEADSESSION",
}

// statusWord returns the name of a status without prefix, else its number; "OK" for 0.
func statusWord(version, s uint32) string {
	if s == 0 {
		return "OK"
	}
	if version == 4 {
		if n := nfs4Status[s]; n != "" {
			return n
		}
	}
	if n := nfsStatus[s]; n != "" {
		return n
	}
	return strconv.FormatUint(uint64(s), 10)
}

// StatusName returns the name of a status as its document writes it: "NFS3ERR_ACCES", "MNT3ERR_ACCES", "NFS4ERR_STALE".
func StatusName(program, version, s uint32) string {
	prefix := "NFS" + strconv.FormatUint(uint64(version), 10)
	if program == Mount {
		prefix = "MNT" + strconv.FormatUint(uint64(version), 10)
	}
	if s == 0 {
		return prefix + "_OK"
	}
	return prefix + "ERR_" + statusWord(version, s)
}
