package rules

var ofRFB = []string{"rfb"}

// rfbBuffers is the name of a screen.
var rfbBuffers = buffersOf(ofRFB, named{"rfb.name", toClient})

// rfbKeywords compare the security type and the result of a login.
var rfbKeywords = []keyword{
	numberOf("rfb.sectype", buffer{"rfb.sectype", ofRFB, toServer}, 32, nil),
	numberOf("rfb.secresult", buffer{"rfb.secresult", ofRFB, toClient}, 32, map[string]uint64{"ok": 0, "fail": 1, "toomany": 2, "unknown": 3}),
}
