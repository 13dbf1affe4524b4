// Package standard lists what the program is made of. Adding a detector is its folder and one line here.
//
// The lists are ordered: the order is part of the output for equal inputs. Nothing else belongs in this package.
package standard

import (
	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/arp"
	"firestorm/internal/analyzer/dcerpc"
	"firestorm/internal/analyzer/dhcp"
	"firestorm/internal/analyzer/dhcpv6"
	"firestorm/internal/analyzer/dns"
	"firestorm/internal/analyzer/esp"
	"firestorm/internal/analyzer/ftp"
	"firestorm/internal/analyzer/http"
	"firestorm/internal/analyzer/ike"
	"firestorm/internal/analyzer/imap"
	"firestorm/internal/analyzer/krb5"
	"firestorm/internal/analyzer/ldap"
	"firestorm/internal/analyzer/nbns"
	"firestorm/internal/analyzer/ndp"
	"firestorm/internal/analyzer/ntp"
	"firestorm/internal/analyzer/pgsql"
	"firestorm/internal/analyzer/pop3"
	"firestorm/internal/analyzer/quic"
	"firestorm/internal/analyzer/rfb"
	"firestorm/internal/analyzer/rpc"
	"firestorm/internal/analyzer/sip"
	"firestorm/internal/analyzer/smb"
	"firestorm/internal/analyzer/smtp"
	"firestorm/internal/analyzer/snmp"
	"firestorm/internal/analyzer/ssh"
	"firestorm/internal/analyzer/telnet"
	"firestorm/internal/analyzer/tftp"
	"firestorm/internal/analyzer/tls"
	"firestorm/internal/analyzer/vrrp"
	"firestorm/internal/analyzer/wireguard"
	"firestorm/internal/detect"
	"firestorm/internal/detect/acceptqueue"
	"firestorm/internal/detect/amplification"
	"firestorm/internal/detect/arpconflict"
	"firestorm/internal/detect/arpodd"
	"firestorm/internal/detect/arpscan"
	"firestorm/internal/detect/arpspoof"
	"firestorm/internal/detect/arpwatch"
	"firestorm/internal/detect/asymmetric"
	"firestorm/internal/detect/backupstale"
	"firestorm/internal/detect/bannerdelay"
	"firestorm/internal/detect/bruteforce"
	"firestorm/internal/detect/dhcpfaults"
	"firestorm/internal/detect/dnsfaults"
	"firestorm/internal/detect/duplicate"
	"firestorm/internal/detect/espflow"
	"firestorm/internal/detect/fraglost"
	"firestorm/internal/detect/ftpdata"
	"firestorm/internal/detect/httpfaults"
	"firestorm/internal/detect/idle"
	"firestorm/internal/detect/ikefaults"
	"firestorm/internal/detect/loss"
	"firestorm/internal/detect/maintenance"
	"firestorm/internal/detect/msstoobig"
	"firestorm/internal/detect/nagle"
	"firestorm/internal/detect/natports"
	"firestorm/internal/detect/nfsdenied"
	"firestorm/internal/detect/ntpfaults"
	"firestorm/internal/detect/outofwindow"
	"firestorm/internal/detect/plainlogin"
	"firestorm/internal/detect/pmtud"
	"firestorm/internal/detect/popupspam"
	"firestorm/internal/detect/rarogue"
	"firestorm/internal/detect/refused"
	"firestorm/internal/detect/routingloop"
	"firestorm/internal/detect/rpcport"
	"firestorm/internal/detect/scan"
	"firestorm/internal/detect/serverslow"
	"firestorm/internal/detect/smblogon"
	"firestorm/internal/detect/stalled"
	"firestorm/internal/detect/synflood"
	"firestorm/internal/detect/synsilent"
	"firestorm/internal/detect/tcpodd"
	"firestorm/internal/detect/timewait"
	"firestorm/internal/detect/tlsfaults"
	"firestorm/internal/detect/unreachable"
	vrrpdetector "firestorm/internal/detect/vrrp"
	wireguarddetector "firestorm/internal/detect/wireguard"
	"firestorm/internal/detect/wscale"
	"firestorm/internal/detect/zerowindow"
	"firestorm/internal/output"
	"firestorm/internal/output/eve"
	"firestorm/internal/output/jsonlines"
	"firestorm/internal/output/pcapng"
)

// Analyzers read protocols, asked in this order.
var Analyzers = []analyzer.Def{
	arp.Def,
	dcerpc.Def,
	dhcp.Def,
	dhcpv6.Def,
	dns.Def,
	esp.Def,
	ftp.Def,
	ftp.DataDef,
	http.Def,
	ike.Def,
	imap.Def,
	krb5.Def,
	ldap.Def,
	nbns.Def,
	ndp.Def,
	quic.Def, // before NTP, which its first bytes could be
	ntp.Def,
	pgsql.Def,
	pop3.Def,
	rfb.Def,
	rpc.NFSDef,
	rpc.Def,
	sip.Def,
	smb.Def,
	smtp.Def,
	snmp.Def,
	ssh.Def,
	telnet.Def,
	tftp.Def,
	tls.Def,
	vrrp.Def,
	wireguard.Def,
}

// Detectors answer questions from events, in this order.
var Detectors = []detect.Def{
	acceptqueue.Def,
	amplification.Def,
	arpconflict.Def,
	arpodd.Def,
	arpscan.Def,
	arpspoof.Def,
	arpwatch.Def,
	asymmetric.Def,
	backupstale.Def,
	bannerdelay.Def,
	bruteforce.Def,
	dhcpfaults.Def,
	dnsfaults.Def,
	duplicate.Def,
	espflow.Def,
	fraglost.Def,
	ftpdata.Def,
	httpfaults.Def,
	idle.Def,
	ikefaults.Def,
	loss.Def,
	maintenance.Def,
	msstoobig.Def,
	nagle.Def,
	natports.Def,
	nfsdenied.Def,
	ntpfaults.Def,
	outofwindow.Def,
	plainlogin.Def,
	pmtud.Def,
	popupspam.Def,
	rarogue.Def,
	refused.Def,
	routingloop.Def,
	rpcport.Def,
	scan.Def,
	serverslow.Def,
	smblogon.Def,
	stalled.Def,
	synflood.Def,
	synsilent.Def,
	tcpodd.Def,
	timewait.Def,
	tlsfaults.Def,
	unreachable.Def,
	vrrpdetector.Def,
	wireguarddetector.Def,
	wscale.Def,
	zerowindow.Def,
}

// Outputs write what was observed and concluded.
var Outputs = append([]output.Def{
	eve.Def,
	jsonlines.Def,
	pcapng.Def,
}, serviceOutputs...)
