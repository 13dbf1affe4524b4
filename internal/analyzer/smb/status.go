package smb

import "strconv"

// Status codes that matter to a logon ([MS-ERREF] 2.3.1).
const (
	StatusOK             = 0
	StatusMore           = 0xc0000016
	StatusAccessDenied   = 0xc0000022
	StatusNoSuchUser     = 0xc0000064
	StatusWrongPassword  = 0xc000006a
	StatusLogonFailure   = 0xc000006d
	StatusRestriction    = 0xc000006e
	StatusExpired        = 0xc0000071
	StatusDisabled       = 0xc0000072
	StatusNotSupported   = 0xc00000bb
	StatusBadNetworkName = 0xc00000cc
	StatusAccountExpired = 0xc0000193
	StatusMustChange     = 0xc0000224
	StatusLockedOut      = 0xc0000234
)

// statusPending says that the reply will come later ([MS-SMB2] 3.3.4.2).
const statusPending = 0x00000103

var statusNames = map[uint32]string{
	StatusOK: "STATUS_SUCCESS", StatusMore: "STATUS_MORE_PROCESSING_REQUIRED", StatusAccessDenied: "STATUS_ACCESS_DENIED", StatusNoSuchUser: "STATUS_NO_SUCH_USER",
	StatusWrongPassword: "STATUS_WRONG_PASSWORD", StatusLogonFailure: "STATUS_LOGON_FAILURE", StatusRestriction: "STATUS_ACCOUNT_RESTRICTION",
	StatusExpired: "STATUS_PASSWORD_EXPIRED", StatusDisabled: "STATUS_ACCOUNT_DISABLED", StatusNotSupported: "STATUS_NOT_SUPPORTED",
	StatusBadNetworkName: "STATUS_BAD_NETWORK_NAME", StatusAccountExpired: "STATUS_ACCOUNT_EXPIRED", StatusMustChange: "STATUS_PASSWORD_MUST_CHANGE",
	StatusLockedOut: "STATUS_ACCOUNT_LOCKED_OUT", 0xc000000d: "STATUS_INVALID_PARAMETER", 0xc0000203: "STATUS_USER_SESSION_DELETED",
	statusPending: "STATUS_PENDING", 0x0000010b: "STATUS_NOTIFY_CLEANUP", 0x0000010c: "STATUS_NOTIFY_ENUM_DIR", 0x80000005: "STATUS_BUFFER_OVERFLOW", 0x80000006: "STATUS_NO_MORE_FILES",
	0x8000002d: "STATUS_STOPPED_ON_SYMLINK", 0xc0000002: "STATUS_NOT_IMPLEMENTED", 0xc0000003: "STATUS_INVALID_INFO_CLASS", 0xc0000008: "STATUS_INVALID_HANDLE",
	0xc000000f: "STATUS_NO_SUCH_FILE", 0xc0000010: "STATUS_INVALID_DEVICE_REQUEST", 0xc0000011: "STATUS_END_OF_FILE", 0xc0000023: "STATUS_BUFFER_TOO_SMALL",
	0xc0000033: "STATUS_OBJECT_NAME_INVALID", 0xc0000034: "STATUS_OBJECT_NAME_NOT_FOUND", 0xc0000035: "STATUS_OBJECT_NAME_COLLISION", 0xc000003a: "STATUS_OBJECT_PATH_NOT_FOUND",
	0xc0000043: "STATUS_SHARING_VIOLATION", 0xc0000054: "STATUS_FILE_LOCK_CONFLICT", 0xc0000055: "STATUS_LOCK_NOT_GRANTED", 0xc0000056: "STATUS_DELETE_PENDING",
	0xc0000061: "STATUS_PRIVILEGE_NOT_HELD", 0xc000007f: "STATUS_DISK_FULL", 0xc000009a: "STATUS_INSUFFICIENT_RESOURCES", 0xc00000ac: "STATUS_PIPE_NOT_AVAILABLE",
	0xc00000ae: "STATUS_PIPE_BUSY", 0xc00000b0: "STATUS_PIPE_DISCONNECTED", 0xc00000ba: "STATUS_FILE_IS_A_DIRECTORY", 0xc00000c9: "STATUS_NETWORK_NAME_DELETED",
	0xc0000103: "STATUS_NOT_A_DIRECTORY", 0xc0000120: "STATUS_CANCELLED", 0xc0000128: "STATUS_FILE_CLOSED", 0xc000014b: "STATUS_PIPE_BROKEN",
	0xc000019c: "STATUS_FS_DRIVER_REQUIRED", 0xc0000225: "STATUS_NOT_FOUND", 0xc000035c: "STATUS_NETWORK_SESSION_EXPIRED", 0xc0000101: "STATUS_DIRECTORY_NOT_EMPTY",
}

// StatusName returns the name of a status, else its number: "0xc0000413".
func StatusName(s uint32) string {
	if n := statusNames[s]; n != "" {
		return n
	}
	return "0x" + strconv.FormatUint(uint64(s), 16)
}

// LogonFailed reports a status that refuses a logon.
func LogonFailed(s uint32) bool {
	switch s {
	case StatusAccessDenied, StatusNoSuchUser, StatusWrongPassword, StatusLogonFailure, StatusRestriction, StatusExpired, StatusDisabled, StatusAccountExpired,
		StatusMustChange, StatusLockedOut:
		return true
	}
	return false
}
