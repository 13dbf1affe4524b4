package rules

import "firestorm/internal/rules/lang"

// DefaultVars are the variables that rule sets expect, as Suricata's own configuration sets them, but for HOME_NET: what
// is private, unique local or link-local is inside.
func DefaultVars() lang.Vars {
	v := lang.Vars{
		Addrs: map[string]string{"HOME_NET": "[192.168.0.0/16,10.0.0.0/8,172.16.0.0/12,169.254.0.0/16,fc00::/7,fe80::/10]", "EXTERNAL_NET": "!$HOME_NET"},
		Ports: map[string]string{"HTTP_PORTS": "80", "SHELLCODE_PORTS": "!80", "ORACLE_PORTS": "1521", "SSH_PORTS": "22", "DNP3_PORTS": "20000",
			"MODBUS_PORTS": "502", "FILE_DATA_PORTS": "[$HTTP_PORTS,110,143]", "FTP_PORTS": "21", "GENEVE_PORTS": "6081", "VXLAN_PORTS": "4789",
			"TEREDO_PORTS": "3544", "SIP_PORTS": "[5060,5061]"},
	}
	for _, inside := range []string{"HTTP_SERVERS", "SMTP_SERVERS", "SQL_SERVERS", "DNS_SERVERS", "TELNET_SERVERS", "SNMP_SERVERS", "SSH_SERVERS", "SIP_SERVERS",
		"DC_SERVERS", "DNP3_SERVER", "DNP3_CLIENT", "MODBUS_SERVER", "MODBUS_CLIENT", "ENIP_SERVER", "ENIP_CLIENT"} {
		v.Addrs[inside] = "$HOME_NET"
	}
	v.Addrs["AIM_SERVERS"] = "$EXTERNAL_NET"
	return v
}
