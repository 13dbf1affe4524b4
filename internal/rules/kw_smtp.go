package rules

// smtpBuffers are the parts of a mail and of its envelope.
var smtpBuffers = buffersOf([]string{"smtp"}, named{"smtp.helo", toServer}, named{"smtp.mail_from", toServer}, named{"smtp.rcpt_to", toServer},
	named{"email.from", toServer}, named{"email.to", toServer}, named{"email.cc", toServer}, named{"email.subject", toServer}, named{"email.date", toServer},
	named{"email.message_id", toServer}, named{"email.x_mailer", toServer}, named{"email.url", toServer}, named{"email.received", toServer})
