package rules

import (
	"errors"

	"firestorm/internal/rules/lang"
)

var ofSMB = []string{"smb"}

// smbBuffers are the names in SMB's requests.
var smbBuffers = buffersOf(ofSMB, named{"smb.share smb_share", toServer}, named{"smb.named_pipe smb_named_pipe", toServer}, named{"smb.ntlmssp_user", toServer},
	named{"smb.ntlmssp_domain", toServer})

var smbKeywords = []keyword{{"smb.version", func(c *compiler, o *lang.Option) error {
	for i := range c.s.parts {
		if c.s.parts[i].name == "smb.version" {
			return errors.New("a message has one version")
		}
	}
	return numberOf(o.Name, buffer{"smb.version", ofSMB, eitherWay}, 8, nil).set(c, o)
}}}
