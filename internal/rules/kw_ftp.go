package rules

import (
	"fmt"
	"strings"

	"firestorm/internal/rules/lang"
)

var ofFTP = []string{"ftp"}

// ftpBuffers are the parts of a command and of its answer.
var ftpBuffers = buffersOf(ofFTP, named{"ftp.command", toServer}, named{"ftp.command_data", toServer}, named{"ftp.reply", toClient},
	named{"ftp.completion_code", toClient})

// ftpKeywords ask for the control channel of FTP, and for what it says of a data connection.
var ftpKeywords = []keyword{
	numberOf("ftp.dynamic_port", buffer{"ftp.dynamic_port", ofFTP, eitherWay}, 16, nil),
	word("ftp.mode", buffer{"ftp.mode", ofFTP, eitherWay}, map[string]string{"active": "active", "passive": "passive"}),
	word("ftp.reply_received", buffer{"ftp.reply_received", ofFTP, toClient}, map[string]string{"yes": "yes", "on": "yes", "true": "yes", "1": "yes",
		"no": "no", "off": "no", "false": "no", "0": "no"}),
	word("ftpdata_command", buffer{"ftpdata_command", []string{"ftp-data"}, eitherWay}, map[string]string{"retr": "RETR", "stor": "STOR"}),
}

// word is a keyword whose value is one of a few words; known says what the buffer holds then.
func word(name string, b buffer, known map[string]string) keyword {
	return keyword{name, func(c *compiler, o *lang.Option) error {
		want, ok := known[strings.ToLower(o.Value)]
		if !ok {
			return fmt.Errorf("%q is no value of it", o.Value)
		}
		return c.ask(b, o.Negated, func(b []byte) bool { return string(b) == want })
	}}
}
