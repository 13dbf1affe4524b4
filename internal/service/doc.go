// Package service is what a sensor is beside its analysis when it runs for months: news for the service manager, signals,
// and two processes, of which the one that opens sockets understands no packet and the one that understands packets may
// open no socket.
package service
