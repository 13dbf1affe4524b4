package rules

// sipBuffers are the first line's parts and some headers of a message.
var sipBuffers = buffersOf([]string{"sip"}, named{"sip.method", toServer}, named{"sip.uri", toServer}, named{"sip.request_line", toServer}, named{"sip.stat_code", toClient},
	named{"sip.stat_msg", toClient}, named{"sip.response_line", toClient}, named{"sip.protocol", eitherWay}, named{"sip.from", eitherWay}, named{"sip.to", eitherWay},
	named{"sip.via", eitherWay}, named{"sip.user_agent", eitherWay}, named{"sip.content_type", eitherWay}, named{"sip.content_length", eitherWay},
	named{"sip_header", eitherWay})
