package config

// Mail says who gets findings by e-mail.
type Mail struct {
	Server       string // HOST:PORT; empty: nobody gets mail
	TLS          string
	CAFile       string
	User         string
	PasswordFile string
	From         string
	To           []string
	AtOnce       string // a severity
	DigestHour   int    // of the machine's zone
	PerHour      int
}

var mailSection = section("mail", "Findings by e-mail: severe ones and alarms at once, the others in one mail a day.", func(c *Config) *Mail { return &c.Mail },
	key(Text, "server", "", "The mail server, as HOST:PORT. Empty: no mail is sent.", func(m *Mail) *string { return &m.Server }),
	key(Word, "tls", "starttls", "How the way there is protected: starttls asks for it, tls speaks it from the start (port 465), none does without.",
		func(m *Mail) *string { return &m.TLS }).of("starttls", "tls", "none"),
	key(Path, "ca-file", "", "Certificates (PEM) that may have signed the server's. Empty: those of the system.", func(m *Mail) *string { return &m.CAFile }),
	key(Text, "user", "", "Who logs in there. Empty: nobody.", func(m *Mail) *string { return &m.User }),
	key(Path, "password-file", "", "The file whose first line is the password; not everybody may be able to read it.", func(m *Mail) *string { return &m.PasswordFile }),
	key(Text, "from", "", "The sender's address.", func(m *Mail) *string { return &m.From }),
	key(Texts, "to", "", "Who gets the mails.", func(m *Mail) *[]string { return &m.To }),
	key(Word, "at-once", "high", "The severity from which a finding has a mail of its own at once.",
		func(m *Mail) *string { return &m.AtOnce }).of("low", "medium", "high", "critical"),
	key(Int, "digest-hour", "7", "When the mail of the day goes, in the machine's time zone.", func(m *Mail) *int { return &m.DigestHour }).between(0, 23).in("hour"),
	key(Int, "per-hour", "6", "How many mails about findings may go in an hour, and how many alarms. Findings beyond wait for the mail of the day, alarms are counted.",
		func(m *Mail) *int { return &m.PerHour }).between(1, 1000),
)
