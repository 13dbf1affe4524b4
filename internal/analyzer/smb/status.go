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

var statusNames = map[uint32]string{
	StatusOK: "STATUS_SUCCESS", StatusMore: "STATUS_MORE_PROCESSING_REQUIRED", StatusAccessDenied: "STATUS_ACCESS_DENIED", StatusNoSuchUser: "STATUS_NO_SUCH_USER",
	StatusWrongPassword: "STATUS_WRONG_PASSWORD", StatusLogonFailure: "STATUS_LOGON_FAILURE", StatusRestriction: "STATUS_ACCOUNT_RESTRICTION",
	StatusExpired: "STATUS_PASSWORD_EXPIRED", StatusDisabled: "STATUS_ACCOUNT_DISABLED", StatusNotSupported: "STATUS_NOT_SUPPORTED",
	StatusBadNetworkName: "STATUS_BAD_NETWORK_NAME", StatusAccountExpired: "STATUS_ACCOUNT_EXPIRED", StatusMustChange: "STATUS_PASSWORD_MUST_CHANGE",
	StatusLockedOut: "STATUS_ACCOUNT_LOCKED_OUT", 0xc000000d: "STATUS_INVALID_PARAMETER", 0xc0000203: "STATUS_USER_SESSION_DELETED",
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
