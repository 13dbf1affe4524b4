package rules

var ofSSH = []string{"ssh"}

// sshBuffers are what a side says of itself, and the fingerprint of its key exchange.
var sshBuffers = buffersOf(ofSSH, named{"ssh.proto ssh_proto", eitherWay}, named{"ssh.software ssh_software", eitherWay}, named{"ssh.hassh", toServer},
	named{"ssh.hassh.string", toServer}, named{"ssh.hassh.server", toClient}, named{"ssh.hassh.server.string", toClient})

// sshKeywords are the older forms.
var sshKeywords = []keyword{
	textIn("ssh.protoversion", buffer{"ssh.proto", ofSSH, eitherWay}, true), textIn("ssh.softwareversion", buffer{"ssh.software", ofSSH, eitherWay}, false),
}
