package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"firestorm/internal/rules/lang"
)

// oddities are what readers of protocols call odd (event.Inspection.Events), by the protocol as rules name it. A name that is
// not here is never told: a rule that asks for it is refused.
var oddities = map[string]struct{ kind, names string }{
	"dns": {"dns", "invalid_additionals invalid_authorities invalid_opcode malformed_data not_a_request not_a_response z_flag_set"},
	"ftp": {"ftp", "request_command_too_long response_command_too_long file_before_port"},
	"http": {"http", "compression_bomb gzip_decompression_failed header_host_invalid host_header_ambiguous invalid_content_length_field_in_request " +
		"invalid_content_length_field_in_response invalid_response_field_folding invalid_transfer_encoding_value_in_request " +
		"invalid_transfer_encoding_value_in_response method_delim_non_compliant missing_host_header range_invalid request_line_leading_whitespace " +
		"response_abnormal_transfer_encoding response_chunked_old_proto response_invalid_protocol response_invalid_status response_multipart_byteranges " +
		"too_many_encoding_layers unable_to_match_response_to_request uri_delim_non_compliant request_field_missing_colon response_field_missing_colon " +
		"request_header_invalid response_header_invalid request_header_repetition response_header_repetition request_too_many_headers response_too_many_headers"},
	"ike": {"ike", "malformed_data"}, "ikev2": {"ike", "malformed_data"},
	"smtp": {"smtp", "invalid_reply unable_to_match_reply_with_request max_command_line_len_exceeded max_reply_line_len_exceeded invalid_pipelined_sequence " +
		"data_command_rejected no_server_welcome_message tls_rejected duplicate_fields invalid_bdat mime_invalid_base64 mime_invalid_qp mime_long_line " +
		"mime_long_enc_line mime_long_header_name mime_long_header_value mime_long_boundary mime_long_filename mime_malformed_msg"},
}

// oddPart is the part that gives each odd thing of a transaction of that kind, by its name.
func oddPart(kind string) string { return "app-layer-event." + kind }

// oddKeywords ask for what is odd in a transaction.
var oddKeywords = []keyword{{"app-layer-event", func(c *compiler, o *lang.Option) error {
	if o.Negated {
		return errors.New("that something odd is not there cannot be asked")
	}
	proto, name, ok := strings.Cut(strings.TrimSpace(o.Value), ".")
	known, read := oddities[proto]
	if !ok || !read || !slices.Contains(strings.Fields(known.names), name) {
		return fmt.Errorf("nobody tells %q", o.Value)
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
