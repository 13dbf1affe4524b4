package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"firestorm/internal/event"
	"firestorm/internal/rules/lang"
)

// oddities are Suricata's names of what is odd in a protocol, by the protocol as rules name it: told are those that our reader
// tells (event.Inspection.Events), silent those that it does not. A rule about a silent one loads and never fires, and that is
// said. kind is the one whose parts come with it.
var oddities = map[string]struct{ kind, told, silent string }{
	"dcerpc": {"dcerpc", "", ""},
	"dhcp":   {"dhcp", "", "malformed_options truncated_options"},
	"dns": {"dns", "invalid_additionals invalid_authorities invalid_opcode infinite_loop malformed_data name_too_long not_a_request not_a_response z_flag_set",
		"flooded too_many_labels"},
	"file": {"", "", "invalid_swf_length invalid_swf_version lzma_decoder_error lzma_header_too_short_error lzma_io_error lzma_memlimit_error " +
		"lzma_unknown_error lzma_xz_error no_memory z_buf_error z_data_error z_stream_error z_unknown_error"},
	"ftp": {"ftp", "file_before_port request_command_too_long response_command_too_long", "too_many_transactions"},
	"http": {"http", "compression_bomb duplicate_content_length_field_in_request duplicate_content_length_field_in_response " +
		"gzip_decompression_failed host_header_ambiguous invalid_content_length_field_in_request invalid_content_length_field_in_response " +
		"invalid_request_chunk_len invalid_response_chunk_len invalid_response_field_folding invalid_transfer_encoding_value_in_request " +
		"invalid_transfer_encoding_value_in_response method_delim_non_compliant missing_host_header range_invalid request_auth_unrecognized " +
		"request_body_unexpected request_chunk_extension request_field_missing_colon request_header_host_invalid request_header_invalid " +
		"request_header_repetition request_line_leading_whitespace request_line_missing_protocol request_server_port_tcp_port_mismatch " +
		"request_too_many_headers request_uri_host_invalid response_abnormal_transfer_encoding response_chunk_extension response_chunked_old_proto " +
		"response_field_missing_colon response_header_invalid response_header_repetition response_invalid_protocol response_invalid_status " +
		"response_multipart_byteranges response_too_many_headers too_many_encoding_layers unable_to_match_response_to_request uri_delim_non_compliant",
		"100_continue_already_seen abnormal_ce_header double_encoded_uri failed_protocol_change file_name_too_long invalid_authority_port invalid_request_field_folding " +
			"invalid_server_port_in_request lzma_memlimit_reached multipart_generic_error multipart_invalid_header multipart_no_filedata " +
			"request_field_too_long request_line_incomplete request_line_invalid response_field_too_long too_many_warnings unknown_error"},
	"http2": {"http2", "authority_host_mismatch compression_bomb data_stream_zero dns_request_too_long dns_response_too_long failed_decompression " +
		"header_integer_overflow invalid_client_magic invalid_frame_data invalid_frame_header invalid_frame_length invalid_header invalid_http1_settings " +
		"invalid_range long_frame_data reassembly_limit_reached stream_id_reuse too_many_frames too_many_streams userinfo_in_uri", "extra_header_data"},
	"ike": {"ike", "malformed_data weak_crypto_auth weak_crypto_dh weak_crypto_enc weak_crypto_prf",
		"invalid_proposal multiple_server_proposal no_encryption payload_extra_data unknown_proposal weak_crypto_no_auth weak_crypto_no_dh weak_crypto_noauth weak_crypto_nodh"},
	"imap": {"", "", "invalid_data request_not_found too_many_headers too_many_transactions"},
	"krb5": {"krb5", "weak_encryption", "malformed_data"},
	"ldap": {"ldap", "invalid_data request_not_found too_many_transactions", ""},
	"modbus": {"modbus", "flooded invalid_exception_code invalid_function_code invalid_length invalid_protocol_id invalid_value unsolicited_response value_mismatch",
		"invalid_unit_identifier"},
	"mqtt": {"mqtt", "double_connect invalid_qos_level malformed_traffic missing_connect missing_publish missing_subscribe missing_unsubscribe " +
		"too_many_transactions unassigned_msg_type unintroduced_message",
		"missing_msg_id"},
	"nfs": {"nfs", "", "end_of_file malformed_data nonexisting_version too_many_transactions unsupported_version"},
	"ntp": {"", "", "malformed_data not_request not_response unsolicited_response"},
	"pgsql": {"pgsql", "invalid_length malformed_request malformed_response too_many_transactions",
		"too_many_responses"},
	"pop3": {"", "", "incorrect_argument_count request_too_long response_too_long too_many_transactions unknown_command"},
	"quic": {"quic", "crypto_frag_too_long error_on_data failed_decrypt", "error_on_header"},
	"rfb":  {"rfb", "", "malformed_message unimplemented_security_type unknown_security_result"},
	"sip":  {"sip", "", "incomplete_data invalid_data"},
	"smb": {"smb", "", "file_overlap internal_error malformed_data malformed_ntlmssp_request negotiate_malformed_dialects negotiate_max_read_size_too_large " +
		"negotiate_max_write_size_too_large read_queue_cnt_exceeded read_queue_size_exceeded read_request_too_large read_response_too_large " +
		"record_overflow request_to_client response_to_server write_queue_cnt_exceeded write_queue_size_exceeded write_request_too_large"},
	"smtp": {"smtp", "data_command_rejected duplicate_fields invalid_bdat invalid_pipelined_sequence invalid_reply max_command_line_len_exceeded " +
		"max_reply_line_len_exceeded mime_invalid_base64 mime_invalid_qp mime_long_boundary mime_long_enc_line mime_long_filename mime_long_header_name " +
		"mime_long_header_value mime_long_line mime_malformed_msg no_server_welcome_message tls_rejected unable_to_match_reply_with_request",
		"bdat_chunk_len_exceeded mime_parse_failed too_many_recipients too_many_transactions unparsable_content"},
	"snmp": {"snmp", "unknown_security_model version_mismatch", "malformed_data"},
	"ssh":  {"ssh", "invalid_banner invalid_record long_banner", "long_kex_record"},
	"tls": {"tls", "certificate_invalid_length dataleak_heartbeat_mismatch handshake_invalid_length heartbeat_message invalid_alert_message " +
		"invalid_certificate invalid_handshake_message invalid_heartbeat_message invalid_record_length invalid_record_type invalid_record_version " +
		"invalid_sni_length invalid_sni_type invalid_ssl_record invalid_sslv2_header multiple_sni_extensions overflow_heartbeat_message",
		"certificate_invalid_algorithmidentifier certificate_invalid_date certificate_invalid_der certificate_invalid_extensions certificate_invalid_issuer " +
			"certificate_invalid_serial certificate_invalid_string certificate_invalid_subject certificate_invalid_validity certificate_invalid_version " +
			"certificate_invalid_x509name certificate_missing_element certificate_unknown_element error_message_encountered invalid_tls_header " +
			"too_many_records_in_packet"},
	"": {"", "applayer_mismatch_protocol_both_directions", "applayer_detect_protocol_only_one_direction applayer_no_tls_after_starttls " +
		"applayer_proto_detection_skipped applayer_unexpected_protocol applayer_wrong_direction_first_data"},
}

// oddAliases are other names that rules have for the same.
var oddAliases = map[string]string{"dns.not_request": "dns.not_a_request", "dns.not_response": "dns.not_a_response",
	"http.header_host_invalid": "http.request_header_host_invalid", "http.uri_host_invalid": "http.request_uri_host_invalid"}

// oddPart is the part that gives each odd thing of a transaction of that kind, by its name.
func oddPart(kind string) string { return "app-layer-event." + kind }

// oddKeywords ask for what is odd in a transaction.
var oddKeywords = []keyword{{"app-layer-event", func(c *compiler, o *lang.Option) error {
	if o.Negated {
		return errors.New("that something odd is not there cannot be asked")
	}
	full := strings.ToLower(strings.TrimSpace(o.Value))
	if rest, ok := strings.CutPrefix(full, "ikev2."); ok {
		full = "ike." + rest
	}
	if a := oddAliases[full]; a != "" {
		full = a
	}
	proto, name, ok := strings.Cut(full, ".")
	if !ok {
		proto, name = "", full
	}
	known, read := oddities[proto]
	silent := slices.Contains(strings.Fields(known.silent), name)
	if !read || !silent && !slices.Contains(strings.Fields(known.told), name) {
		return fmt.Errorf("nobody tells %q", o.Value)
	}
	if silent {
		c.s.approximate = fmt.Sprintf("never fires: nothing here tells %s", full)
		c.s.never = true
		return nil
	}
	if proto == "" { // of no transaction
		c.s.packet, c.s.odd = true, true
		c.s.conds = append(c.s.conds, func(x *inspection) bool { return x.detected(name) })
		return nil
	}
	b := buffer{oddPart(known.kind), []string{known.kind}, eitherWay}
	n, err := c.part(b)
	if err != nil {
		return err
	}
	if len(c.s.parts[n].checks) > 0 { // another one beside it
		c.s.parts = append(c.s.parts, part{buffer: b})
		n = len(c.s.parts) - 1
	}
	c.s.parts[n].checks = append(c.s.parts[n].checks, check{kind: isContent, pattern: []byte(name), starts: true, ends: true})
	return nil
}}}

// detected reports that something odd about which protocol the connection speaks is among the events of the packet.
func (x *inspection) detected(name string) bool {
	for _, e := range x.odd {
		if o, ok := e.(*event.AppLayer); ok && o.Detect && strings.EqualFold(o.Name, name) {
			return true
		}
	}
	return false
}
