package ruletraffic

// Variables are those that rule sets expect, for addresses and ports. What is private is inside.
func Variables() Vars {
	v := Vars{"HOME_NET": "[192.168.0.0/16,10.0.0.0/8,172.16.0.0/12]", "EXTERNAL_NET": "!$HOME_NET", "HTTP_PORTS": "80", "SHELLCODE_PORTS": "!80",
		"ORACLE_PORTS": "1521", "SSH_PORTS": "22", "DNP3_PORTS": "20000", "MODBUS_PORTS": "502", "FILE_DATA_PORTS": "[$HTTP_PORTS,110,143]", "FTP_PORTS": "21",
		"GENEVE_PORTS": "6081", "VXLAN_PORTS": "4789", "TEREDO_PORTS": "3544", "SIP_PORTS": "[5060,5061]", "AIM_SERVERS": "$EXTERNAL_NET"}
	for _, name := range []string{"HTTP_SERVERS", "SMTP_SERVERS", "SQL_SERVERS", "DNS_SERVERS", "TELNET_SERVERS", "SNMP_SERVERS", "SSH_SERVERS", "SIP_SERVERS",
		"DC_SERVERS", "DNP3_SERVER", "DNP3_CLIENT", "MODBUS_SERVER", "MODBUS_CLIENT", "ENIP_SERVER", "ENIP_CLIENT", "FTP_SERVERS", "IMAP_SERVERS"} {
		v[name] = "$HOME_NET"
	}
	return v
}
