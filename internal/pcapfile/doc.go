// Package pcapfile reads and writes capture files: pcap (libpcap savefiles) and pcapng, plain or compressed.
//
// Reading is done in blocks of 256 KiB. A record's bytes are a slice of the block it arrived in: nothing is
// copied but the record that crosses a block's edge. Whoever keeps a record longer than until the next call
// holds the block (Block.Hold, Block.Release).
//
// # What a pcapng of ours carries
//
// Texts of our own (a finding's JSON, its control group) travel as opt_comment options of the section header
// or of an interface statistics block. A custom block would need a registered enterprise number and is dropped
// by several tools; comments are kept by editcap, mergecap and Wireshark's "save as" and are shown to people.
// One comment holds at most 65 535 bytes, so a text is cut into numbered parts, see Attachment.
//
// References: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.
package pcapfile
