package rules

var ofSMTP = []string{"smtp"}

// smtpBuffers are mails, and who they are from and to.
var smtpBuffers = map[string]buffer{
	"smtp.helo": mailed("smtp.helo"), "smtp.mail_from": mailed("smtp.mail_from"), "smtp.rcpt_to": mailed("smtp.rcpt_to"),
	"email.from": mailed("email.from"), "email.to": mailed("email.to"), "email.cc": mailed("email.cc"), "email.subject": mailed("email.subject"),
	"email.date": mailed("email.date"), "email.message_id": mailed("email.message_id"), "email.x_mailer": mailed("email.x_mailer"),
	"email.url": mailed("email.url"), "email.received": mailed("email.received"),
}

func mailed(name string) buffer { return buffer{name, ofSMTP, toServer} }
