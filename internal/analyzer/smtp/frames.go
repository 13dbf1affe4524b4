package smtp

import (
	"firestorm/internal/analyzer"
	"firestorm/internal/packet"
)

// markLine marks a line without its end. It came with the end of b up to the last rest bytes, and perhaps with earlier calls.
func markLine(c *analyzer.Context, d packet.Dir, line, b []byte, rest int) {
	last := len(b) - rest - 1 // where the line feed is
	end := 1
	if last > 0 && b[last-1] == '\r' || last == 0 && len(line) > 0 { // of a line feed alone nobody knows: most have both
		end = 2
	}
	c.Frame(d, [2]string{"command_line", "response_line"}[d], len(line)+end+rest, int64(len(line)))
}
