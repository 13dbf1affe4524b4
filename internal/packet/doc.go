// Package packet holds one decoded frame, the proof that points back to it, and the clock of the program.
//
// A Packet is flat: apart from Data it holds no pointer, so batches of packets cost the garbage collector
// nothing. Data is borrowed from the capture block it was read into; nobody keeps it past Batch.Release.
package packet
