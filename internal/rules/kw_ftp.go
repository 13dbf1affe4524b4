package rules

import (
	"fmt"
	"strings"

	"firestorm/internal/rules/lang"
)

var (
	ofFTP     = []string{"ftp"}
	ofFTPData = []string{"ftp-data"}
)

// ftpBuffers are commands and replies of the control channel.
var ftpBuffers = map[string]buffer{
	"ftp.command": {"ftp.command", ofFTP, toServer}, "ftp.command_data": {"ftp.command_data", ofFTP, toServer},
	"ftp.reply": {"ftp.reply", ofFTP, toClient}, "ftp.completion_code": {"ftp.completion_code", ofFTP, toClient},
}

// ftpKeywords ask for the control channel of FTP, and for what it says of a data connection.
var ftpKeywords = []keyword{
	{"ftp.dynamic_port", func(c *compiler, o *lang.Option) error {
		return c.number64(buffer{"ftp.dynamic_port", ofFTP, eitherWay}, o, 16)
	}},
	{"ftp.mode", word(buffer{"ftp.mode", ofFTP, eitherWay}, map[string]string{"active": "active", "passive": "passive"})},
	{"ftp.reply_received", word(buffer{"ftp.reply_received", ofFTP, toClient}, map[string]string{"yes": "yes", "on": "yes", "true": "yes", "1": "yes",
		"no": "no", "off": "no", "false": "no", "0": "no"})},
	{"ftpdata_command", word(buffer{"ftpdata_command", ofFTPData, eitherWay}, map[string]string{"retr": "RETR", "stor": "STOR"})},
}

// word reads a keyword whose value is one of a few words; known says what the buffer holds then.
func word(b buffer, known map[string]string) func(*compiler, *lang.Option) error {
	return func(c *compiler, o *lang.Option) error {
		want, ok := known[strings.ToLower(o.Value)]
		if !ok {
			return fmt.Errorf("%q is no value of it", o.Value)
		}
		return c.putIn(b, check{kind: isTest, neg: o.Negated, test: func(b []byte) bool { return string(b) == want }}, o.Value)
	}
}
