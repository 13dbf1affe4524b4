#include "textflag.h"

// func gatherAVX2(marks, b *byte, steps int, bitmap *uint32, p *gatherArgs)
//
// Eight windows stand in the eight lanes; each becomes its hash, fetches its word of the bitmap, and shifts each of its two
// bits to the sign: bit n by 31-n, which is what remains of 31 without the bits of n.
TEXT ·gatherAVX2(SB), NOSPLIT, $0-40
	MOVQ         marks+0(FP), DI
	MOVQ         b+8(FP), SI
	MOVQ         steps+16(FP), CX
	MOVQ         bitmap+24(FP), R8
	MOVQ         p+32(FP), R9
	VMOVDQU      (R9), Y0
	VPBROADCASTD 32(R9), Y1
	VMOVQ        40(R9), X2
	MOVL         $0x9e3779b1, AX
	VMOVD        AX, X4
	VPBROADCASTD X4, Y4
	VPCMPEQD     Y5, Y5, Y5
	VPSRLD       $27, Y5, Y5

loop:
	VBROADCASTI128 (SI), Y6
	VPSHUFB        Y0, Y6, Y6
	VPOR           Y1, Y6, Y6
	VPMULLD        Y4, Y6, Y6
	VPSRLD         X2, Y6, Y7
	VPCMPEQD       Y8, Y8, Y8
	VPGATHERDD     Y8, (R8)(Y7*4), Y9
	VPSRLD         $7, Y6, Y10
	VPANDN         Y5, Y10, Y10
	VPSLLVD        Y10, Y9, Y10
	VPSRLD         $12, Y6, Y6
	VPANDN         Y5, Y6, Y6
	VPSLLVD        Y6, Y9, Y9
	VPAND          Y10, Y9, Y9
	VMOVMSKPS      Y9, AX
	MOVB           AX, (DI)
	ADDQ           $8, SI
	INCQ           DI
	DECQ           CX
	JNE            loop
	VZEROUPPER
	RET

// func pairsAVX2(marks, b *byte, steps int, bitmap *uint32, toWord uint64)
//
// A step is 32 bytes: the eight windows at each fourth position from the first on, then the eight at each fourth from the
// third on. The hash of a window's first three bytes fetches a word of the bitmap. The product of the four bytes behind
// them shifts two of its bits to the sign: its upper bits, which all four have a part in, one of the upper half; its
// lower ones, where only the first of them counts, one of the lower half.
TEXT ·pairsAVX2(SB), NOSPLIT, $0-40
	MOVQ         marks+0(FP), DI
	MOVQ         b+8(FP), SI
	MOVQ         steps+16(FP), CX
	MOVQ         bitmap+24(FP), R8
	VMOVQ        toWord+32(FP), X5
	MOVL         $0x9e3779b1, AX
	VMOVD        AX, X4
	VPBROADCASTD X4, Y4
	MOVL         $0x20202020, AX
	VMOVD        AX, X1
	VPBROADCASTD X1, Y1
	MOVL         $0xff202020, AX
	VMOVD        AX, X0
	VPBROADCASTD X0, Y0
	VPXOR        Y15, Y15, Y15

pair:
	VPOR       0(SI), Y0, Y6
	VPMULLD    Y4, Y6, Y6
	VPSRLD     X5, Y6, Y6
	VPCMPEQD   Y8, Y8, Y8
	VPGATHERDD Y8, (R8)(Y6*4), Y9
	VPOR       3(SI), Y1, Y7
	VPMULLD    Y4, Y7, Y7
	VPSRLD     $28, Y7, Y10
	VPSLLVD    Y10, Y9, Y10
	VPSLLD     $24, Y7, Y7
	VPSRLD     $28, Y7, Y7
	VPSLLD     $16, Y9, Y9
	VPSLLVD    Y7, Y9, Y9
	VPAND      Y9, Y10, Y12
	VPOR       2(SI), Y0, Y6
	VPMULLD    Y4, Y6, Y6
	VPSRLD     X5, Y6, Y6
	VPCMPEQD   Y8, Y8, Y8
	VPGATHERDD Y8, (R8)(Y6*4), Y9
	VPOR       5(SI), Y1, Y7
	VPMULLD    Y4, Y7, Y7
	VPSRLD     $28, Y7, Y10
	VPSLLVD    Y10, Y9, Y10
	VPSLLD     $24, Y7, Y7
	VPSRLD     $28, Y7, Y7
	VPSLLD     $16, Y9, Y9
	VPSLLVD    Y7, Y9, Y9
	VPAND      Y9, Y10, Y13
	VPSRLD     $16, Y12, Y12
	VPBLENDW   $0xaa, Y13, Y12, Y12
	VPACKSSWB  Y15, Y12, Y12
	VPMOVMSKB  Y12, AX
	MOVL       AX, DX
	SHRL       $8, DX
	ORL        DX, AX
	MOVW       AX, (DI)
	ADDQ       $32, SI
	ADDQ       $2, DI
	DECQ       CX
	JNE        pair
	VZEROUPPER
	RET

// func shuffleAVX2(marks, b *byte, steps int, t *nibbles)
//
// A position is marked where the bits of its four bytes, each looked up by both of its halves, have one in common.
TEXT ·shuffleAVX2(SB), NOSPLIT, $0-32
	MOVQ     marks+0(FP), DI
	MOVQ     b+8(FP), SI
	MOVQ     steps+16(FP), CX
	MOVQ     t+24(FP), R8
	VMOVDQU  (R8), Y0
	VMOVDQU  32(R8), Y1
	VMOVDQU  64(R8), Y2
	VMOVDQU  96(R8), Y3
	VMOVDQU  128(R8), Y4
	VMOVDQU  160(R8), Y5
	VMOVDQU  192(R8), Y6
	VMOVDQU  224(R8), Y7
	VPCMPEQB Y15, Y15, Y15
	VPSRLW   $12, Y15, Y15
	VPSLLW   $8, Y15, Y14
	VPOR     Y14, Y15, Y15
	VPXOR    Y14, Y14, Y14

step:
	VMOVDQU   (SI), Y8
	VPSRLW    $4, Y8, Y9
	VPAND     Y15, Y8, Y8
	VPAND     Y15, Y9, Y9
	VPSHUFB   Y8, Y0, Y8
	VPSHUFB   Y9, Y1, Y9
	VPAND     Y8, Y9, Y13
	VMOVDQU   1(SI), Y8
	VPSRLW    $4, Y8, Y9
	VPAND     Y15, Y8, Y8
	VPAND     Y15, Y9, Y9
	VPSHUFB   Y8, Y2, Y8
	VPSHUFB   Y9, Y3, Y9
	VPAND     Y8, Y9, Y10
	VPAND     Y10, Y13, Y13
	VMOVDQU   2(SI), Y8
	VPSRLW    $4, Y8, Y9
	VPAND     Y15, Y8, Y8
	VPAND     Y15, Y9, Y9
	VPSHUFB   Y8, Y4, Y8
	VPSHUFB   Y9, Y5, Y9
	VPAND     Y8, Y9, Y10
	VPAND     Y10, Y13, Y13
	VMOVDQU   3(SI), Y8
	VPSRLW    $4, Y8, Y9
	VPAND     Y15, Y8, Y8
	VPAND     Y15, Y9, Y9
	VPSHUFB   Y8, Y6, Y8
	VPSHUFB   Y9, Y7, Y9
	VPAND     Y8, Y9, Y10
	VPAND     Y10, Y13, Y13
	VPCMPEQB  Y14, Y13, Y13
	VPMOVMSKB Y13, AX
	NOTL      AX
	MOVL      AX, (DI)
	ADDQ      $32, SI
	ADDQ      $4, DI
	DECQ      CX
	JNE       step
	VZEROUPPER
	RET

// func shuffle2AVX2(marks, b *byte, steps int, t *nibbles)
//
// As shuffleAVX2, for windows of two bytes.
TEXT ·shuffle2AVX2(SB), NOSPLIT, $0-32
	MOVQ     marks+0(FP), DI
	MOVQ     b+8(FP), SI
	MOVQ     steps+16(FP), CX
	MOVQ     t+24(FP), R8
	VMOVDQU  (R8), Y0
	VMOVDQU  32(R8), Y1
	VMOVDQU  64(R8), Y2
	VMOVDQU  96(R8), Y3
	VPCMPEQB Y15, Y15, Y15
	VPSRLW   $12, Y15, Y15
	VPSLLW   $8, Y15, Y14
	VPOR     Y14, Y15, Y15
	VPXOR    Y14, Y14, Y14

two:
	VMOVDQU   (SI), Y8
	VPSRLW    $4, Y8, Y9
	VPAND     Y15, Y8, Y8
	VPAND     Y15, Y9, Y9
	VPSHUFB   Y8, Y0, Y8
	VPSHUFB   Y9, Y1, Y9
	VPAND     Y8, Y9, Y13
	VMOVDQU   1(SI), Y8
	VPSRLW    $4, Y8, Y9
	VPAND     Y15, Y8, Y8
	VPAND     Y15, Y9, Y9
	VPSHUFB   Y8, Y2, Y8
	VPSHUFB   Y9, Y3, Y9
	VPAND     Y8, Y9, Y10
	VPAND     Y10, Y13, Y13
	VPCMPEQB  Y14, Y13, Y13
	VPMOVMSKB Y13, AX
	NOTL      AX
	MOVL      AX, (DI)
	ADDQ      $32, SI
	ADDQ      $4, DI
	DECQ      CX
	JNE       two
	VZEROUPPER
	RET

// func cpuid(leaf, sub uint32) (ax, bx, cx, dx uint32)
TEXT ·cpuid(SB), NOSPLIT, $0-24
	MOVL leaf+0(FP), AX
	MOVL sub+4(FP), CX
	CPUID
	MOVL AX, ax+8(FP)
	MOVL BX, bx+12(FP)
	MOVL CX, cx+16(FP)
	MOVL DX, dx+20(FP)
	RET

// func xgetbv() uint32
TEXT ·xgetbv(SB), NOSPLIT, $0-4
	MOVL $0, CX
	XGETBV
	MOVL AX, ret+0(FP)
	RET
