package packet

// LayerKind names one header of a frame.
type LayerKind uint8
