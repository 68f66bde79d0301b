// SPDX-License-Identifier: MIT OR Apache-2.0
// Generated from the constraint system by subrosa-verifier-generator. Do not edit.
pragma solidity 0.8.30;

import {Halo2Verifier} from "../Halo2Verifier.sol";

/// @title Gates and lookup expressions of one constraint system
abstract contract BatchGates is Halo2Verifier {
    /// @inheritdoc Halo2Verifier
    function _gatesDigest() internal pure override returns (bytes32) {
        return 0xf0f3f8908484ad0800fa47fff002c10adbfaffa5886a6a7b492ab89b11690d7a;
    }

    /// @inheritdoc Halo2Verifier
    function _gates(uint256 a, uint256 f, uint256 i, uint256 s, uint256 t, uint256 r, uint256 y)
        internal
        pure
        override
        returns (uint256 sum)
    {
        sum = foldGates0(a, f, i, s, t, r, y, sum);
        sum = foldGates1(a, f, i, s, t, r, y, sum);
        sum = foldGates2(a, f, i, s, t, r, y, sum);
        sum = foldGates3(a, f, i, s, t, r, y, sum);
        sum = foldGates4(a, f, i, s, t, r, y, sum);
        sum = foldGates5(a, f, i, s, t, r, y, sum);
        sum = foldGates6(a, f, i, s, t, r, y, sum);
        sum = foldGates7(a, f, i, s, t, r, y, sum);
        sum = foldGates8(a, f, i, s, t, r, y, sum);
        sum = foldGates9(a, f, i, s, t, r, y, sum);
        sum = foldGates10(a, f, i, s, t, r, y, sum);
        sum = foldGates11(a, f, i, s, t, r, y, sum);
        sum = foldGates12(a, f, i, s, t, r, y, sum);
        sum = foldGates13(a, f, i, s, t, r, y, sum);
    }

    /// @inheritdoc Halo2Verifier
    function _lookups(uint256 a, uint256 f, uint256, uint256, uint256, uint256 r, uint256, uint256 out) internal pure override {
        assembly ("memory-safe") {
            mstore(out, addmod(mulmod(mload(add(f, 0x220)), addmod(mload(add(a, 0x100)), sub(r, mulmod(mload(add(f, 0x140)), mload(add(a, 0x340)), r)), r), r), 0, r))
            mstore(add(out, 0x20), addmod(mload(add(f, 0x200)), 0, r))
        }
    }

    function foldGates0(uint256 a, uint256 f, uint256, uint256 s, uint256 t, uint256 r, uint256 y, uint256 folded) private pure returns (uint256 sum) {
        // Never so; but what may be left early is not put inline, and has room on its stack.
        if (r == 0) return 0;
        assembly ("memory-safe") {
            mstore(s, mulmod(mload(add(a, 0x140)), mload(add(a, 0x140)), r))
            mstore(add(s, 0x20), mulmod(mload(add(a, 0x140)), mulmod(mload(t), mload(t), r), r))
            mstore(add(s, 0x40), 0x251e7fdf99591080080b0af133b9e4369f22e57ace3cd7f64fc6fdbcf38d7da1)
            mstore(add(s, 0x60), mulmod(mload(a), mload(a), r))
            mstore(add(s, 0x80), mulmod(mload(a), mulmod(mload(add(t, 0x60)), mload(add(t, 0x60)), r), r))
            mstore(add(s, 0xa0), 0x25fb50b65acf4fb047cbd3b1c17d97c7fe26ea9ca238d6e348550486e91c7765)
            mstore(add(s, 0xc0), mulmod(mload(add(a, 0x20)), mload(add(a, 0x20)), r))
            mstore(add(s, 0xe0), mulmod(mload(add(a, 0x20)), mulmod(mload(add(t, 0xc0)), mload(add(t, 0xc0)), r), r))
            mstore(add(s, 0x100), 0x293d617d7da72102355f39ebf62f91b06deb5325f367a4556ea1e31ed5767833)
            mstore(add(s, 0x120), addmod(mulmod(mload(add(t, 0xe0)), mload(add(t, 0x100)), r), addmod(mulmod(mload(add(t, 0x20)), mload(add(t, 0x40)), r), mulmod(mload(add(t, 0x80)), mload(add(t, 0xa0)), r), r), r))
            mstore(add(s, 0x140), mulmod(mload(add(a, 0x40)), mload(add(a, 0x40)), r))
            mstore(add(s, 0x160), mulmod(mload(add(a, 0x40)), mulmod(mload(add(t, 0x140)), mload(add(t, 0x140)), r), r))
            mstore(add(s, 0x180), 0x104d0295ab00c85e960111ac25da474366599e575a9b7edf6145f14ba6d3c1c4)
            mstore(add(s, 0x1a0), mulmod(mload(add(a, 0x60)), mload(add(a, 0x60)), r))
            mstore(add(s, 0x1c0), mulmod(mload(add(a, 0x60)), mulmod(mload(add(t, 0x1a0)), mload(add(t, 0x1a0)), r), r))
            mstore(add(s, 0x1e0), 0xaaa35e2c84baf117dea3e336cd96a39792b3813954fe9bf3ed5b90f2f69c977)
            mstore(add(s, 0x200), addmod(mload(add(f, 0xc0)), addmod(mulmod(mload(add(t, 0x1c0)), mload(add(t, 0x1e0)), r), addmod(mload(add(t, 0x120)), mulmod(mload(add(t, 0x160)), mload(add(t, 0x180)), r), r), r), r))
            sum := addmod(mulmod(folded, y, r), mulmod(mload(f), addmod(mload(add(t, 0x200)), sub(r, mload(add(a, 0x80))), r), r), r)
        }
    }

    function foldGates1(uint256 a, uint256 f, uint256, uint256 s, uint256 t, uint256 r, uint256 y, uint256 folded) private pure returns (uint256 sum) {
        // Never so; but what may be left early is not put inline, and has room on its stack.
        if (r == 0) return 0;
        assembly ("memory-safe") {
            mstore(add(s, 0x220), 0x2a70b9f1d4bbccdbc03e17c1d1dcdb02052903dc6609ea6969f661b2eb74c839)
            mstore(add(s, 0x240), 0x281154651c921e746315a9934f1b8a1bba9f92ad8ef4b979115b8e2e991ccd7a)
            mstore(add(s, 0x260), 0x28c2be2f8264f95f0b53c732134efa338ccd8fdb9ee2b45fb86a894f7db36c37)
            mstore(add(s, 0x280), addmod(mulmod(mload(add(t, 0xe0)), mload(add(t, 0x260)), r), addmod(mulmod(mload(add(t, 0x20)), mload(add(t, 0x220)), r), mulmod(mload(add(t, 0x80)), mload(add(t, 0x240)), r), r), r))
            mstore(add(s, 0x2a0), 0x21888041e6febd546d427c890b1883bb9b626d8cb4dc18dcc4ec8fa75e530a13)
            mstore(add(s, 0x2c0), 0x14ddb5fada0171db80195b9592d8cf2be810930e3ea4574a350d65e2cbff4941)
            mstore(add(s, 0x2e0), addmod(mload(add(f, 0xe0)), addmod(mulmod(mload(add(t, 0x1c0)), mload(add(t, 0x2c0)), r), addmod(mload(add(t, 0x280)), mulmod(mload(add(t, 0x160)), mload(add(t, 0x2a0)), r), r), r), r))
            sum := addmod(mulmod(folded, y, r), mulmod(mload(f), addmod(mload(add(t, 0x2e0)), sub(r, mload(add(a, 0xa0))), r), r), r)
            mstore(add(s, 0x300), 0x2f69a7198e1fbcc7dea43265306a37ed55b91bff652ad69aa4fa8478970d401d)
            mstore(add(s, 0x320), 0x1c1edd62645b73ad931ab80e37bbb267ba312b34140e716d6a3747594d3052)
            mstore(add(s, 0x340), 0x15b98ce93e47bc64ce2f2c96c69663c439c40c603049466fa7f9a4b228bfc32b)
            mstore(add(s, 0x360), addmod(mulmod(mload(add(t, 0xe0)), mload(add(t, 0x340)), r), addmod(mulmod(mload(add(t, 0x20)), mload(add(t, 0x300)), r), mulmod(mload(add(t, 0x80)), mload(add(t, 0x320)), r), r), r))
            mstore(add(s, 0x380), 0x12c7e2adfa524e5958f65be2fbac809fcba8458b28e44d9265051de33163cf9c)
            mstore(add(s, 0x3a0), 0x2efc2b90d688134849018222e7b8922eaf67ce79816ef468531ec2de53bbd167)
            mstore(add(s, 0x3c0), addmod(mload(add(f, 0x100)), addmod(mulmod(mload(add(t, 0x1c0)), mload(add(t, 0x3a0)), r), addmod(mload(add(t, 0x360)), mulmod(mload(add(t, 0x160)), mload(add(t, 0x380)), r), r), r), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(f), addmod(mload(add(t, 0x3c0)), sub(r, mload(add(a, 0xc0))), r), r), r)
        }
    }

    function foldGates2(uint256 a, uint256 f, uint256, uint256 s, uint256 t, uint256 r, uint256 y, uint256 folded) private pure returns (uint256 sum) {
        // Never so; but what may be left early is not put inline, and has room on its stack.
        if (r == 0) return 0;
        assembly ("memory-safe") {
            mstore(add(s, 0x3e0), 0xc3f050a6bf5af151981e55e3e1a29a13c3ffa4550bd2514f1afd6c5f721f830)
            mstore(add(s, 0x400), 0xdec54e6dbf75205fa75ba7992bd34f08b2efe2ecd424a73eda7784320a1a36e)
            mstore(add(s, 0x420), 0x1c482a25a729f5df20225815034b196098364a11f4d988fb7cc75cf32d8136fa)
            mstore(add(s, 0x440), addmod(mulmod(mload(add(t, 0xe0)), mload(add(t, 0x420)), r), addmod(mulmod(mload(add(t, 0x20)), mload(add(t, 0x3e0)), r), mulmod(mload(add(t, 0x80)), mload(add(t, 0x400)), r), r), r))
            mstore(add(s, 0x460), 0x2625ce48a7b39a4252732624e4ab94360812ac2fc9a14a5fb8b607ae9fd8514a)
            mstore(add(s, 0x480), 0x7f017a7ebd56dd086f7cd4fd710c509ed7ef8e300b9a8bb9fb9f28af710251f)
            mstore(add(s, 0x4a0), addmod(mload(add(f, 0x120)), addmod(mulmod(mload(add(t, 0x1c0)), mload(add(t, 0x480)), r), addmod(mload(add(t, 0x440)), mulmod(mload(add(t, 0x160)), mload(add(t, 0x460)), r), r), r), r))
            sum := addmod(mulmod(folded, y, r), mulmod(mload(f), addmod(mload(add(t, 0x4a0)), sub(r, mload(add(a, 0xe0))), r), r), r)
            mstore(add(s, 0x4c0), 0x2a20e3a4a0e57d92f97c9d6186c6c3ea7c5e55c20146259be2f78c2ccc2e3595)
            mstore(add(s, 0x4e0), 0x1049f8210566b51faafb1e9a5d63c0ee701673aed820d9c4403b01feb727a549)
            mstore(add(s, 0x500), 0x2ecac687ef5b4b568002bd9d1b96b4bef357a69e3e86b5561b9299b82d69c8e)
            mstore(add(s, 0x520), addmod(mulmod(mload(add(t, 0xe0)), mload(add(t, 0x500)), r), addmod(mulmod(mload(add(t, 0x20)), mload(add(t, 0x4c0)), r), mulmod(mload(add(t, 0x80)), mload(add(t, 0x4e0)), r), r), r))
            mstore(add(s, 0x540), 0x2d3a1aea2e6d44466808f88c9ba903d3bdcb6b58ba40441ed4ebcf11bbe1e37b)
            mstore(add(s, 0x560), 0x14074bb14c982c81c9ad171e4f35fe49b39c4a7a72dbb6d9c98d803bfed65e64)
            mstore(add(s, 0x580), addmod(mload(add(f, 0x140)), addmod(mulmod(mload(add(t, 0x1c0)), mload(add(t, 0x560)), r), addmod(mload(add(t, 0x520)), mulmod(mload(add(t, 0x160)), mload(add(t, 0x540)), r), r), r), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(f), addmod(mload(add(t, 0x580)), sub(r, mload(add(a, 0x100))), r), r), r)
        }
    }

    function foldGates3(uint256 a, uint256 f, uint256, uint256 s, uint256 t, uint256 r, uint256 y, uint256 folded) private pure returns (uint256 sum) {
        // Never so; but what may be left early is not put inline, and has room on its stack.
        if (r == 0) return 0;
        assembly ("memory-safe") {
            mstore(add(s, 0x5a0), mulmod(mload(f), addmod(mload(f), sub(r, 2), r), r))
            mstore(add(s, 0x5c0), mulmod(mload(add(a, 0x80)), mload(add(a, 0x80)), r))
            mstore(add(s, 0x5e0), mulmod(mload(add(a, 0x80)), mulmod(mload(add(t, 0x5c0)), mload(add(t, 0x5c0)), r), r))
            mstore(add(s, 0x600), mulmod(mload(add(t, 0x40)), mload(add(t, 0x5e0)), r))
            mstore(add(s, 0x620), mulmod(mload(add(a, 0xa0)), mload(add(a, 0xa0)), r))
            mstore(add(s, 0x640), mulmod(mload(add(a, 0xa0)), mulmod(mload(add(t, 0x620)), mload(add(t, 0x620)), r), r))
            mstore(add(s, 0x660), mulmod(mload(add(a, 0xc0)), mload(add(a, 0xc0)), r))
            mstore(add(s, 0x680), mulmod(mload(add(a, 0xc0)), mulmod(mload(add(t, 0x660)), mload(add(t, 0x660)), r), r))
            mstore(add(s, 0x6a0), mulmod(mload(add(a, 0xe0)), mload(add(a, 0xe0)), r))
            mstore(add(s, 0x6c0), mulmod(mload(add(a, 0xe0)), mulmod(mload(add(t, 0x6a0)), mload(add(t, 0x6a0)), r), r))
            mstore(add(s, 0x6e0), addmod(mulmod(mload(add(t, 0x180)), mload(add(t, 0x6c0)), r), addmod(mulmod(mload(add(t, 0x100)), mload(add(t, 0x680)), r), addmod(mload(add(t, 0x600)), mulmod(mload(add(t, 0xa0)), mload(add(t, 0x640)), r), r), r), r))
            mstore(add(s, 0x700), mulmod(mload(add(a, 0x100)), mload(add(a, 0x100)), r))
            mstore(add(s, 0x720), mulmod(mload(add(a, 0x100)), mulmod(mload(add(t, 0x700)), mload(add(t, 0x700)), r), r))
            mstore(add(s, 0x740), addmod(addmod(mload(add(f, 0x20)), addmod(mload(add(t, 0x6e0)), mulmod(mload(add(t, 0x1e0)), mload(add(t, 0x720)), r), r), r), sub(r, mload(add(a, 0x160))), r))
            sum := addmod(mulmod(folded, y, r), mulmod(mload(add(t, 0x5a0)), mload(add(t, 0x740)), r), r)
            mstore(add(s, 0x760), addmod(mulmod(mload(add(t, 0x260)), mload(add(t, 0x680)), r), addmod(mulmod(mload(add(t, 0x220)), mload(add(t, 0x5e0)), r), mulmod(mload(add(t, 0x240)), mload(add(t, 0x640)), r), r), r))
            mstore(add(s, 0x780), addmod(mload(add(f, 0x40)), addmod(mulmod(mload(add(t, 0x2c0)), mload(add(t, 0x720)), r), addmod(mload(add(t, 0x760)), mulmod(mload(add(t, 0x2a0)), mload(add(t, 0x6c0)), r), r), r), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(t, 0x5a0)), addmod(mload(add(t, 0x780)), sub(r, mload(add(a, 0x180))), r), r), r)
        }
    }

    function foldGates4(uint256 a, uint256 f, uint256, uint256 s, uint256 t, uint256 r, uint256 y, uint256 folded) private pure returns (uint256 sum) {
        // Never so; but what may be left early is not put inline, and has room on its stack.
        if (r == 0) return 0;
        assembly ("memory-safe") {
            mstore(add(s, 0x7a0), addmod(mulmod(mload(add(t, 0x340)), mload(add(t, 0x680)), r), addmod(mulmod(mload(add(t, 0x300)), mload(add(t, 0x5e0)), r), mulmod(mload(add(t, 0x320)), mload(add(t, 0x640)), r), r), r))
            mstore(add(s, 0x7c0), addmod(mload(add(f, 0x60)), addmod(mulmod(mload(add(t, 0x3a0)), mload(add(t, 0x720)), r), addmod(mload(add(t, 0x7a0)), mulmod(mload(add(t, 0x380)), mload(add(t, 0x6c0)), r), r), r), r))
            sum := addmod(mulmod(folded, y, r), mulmod(mload(add(t, 0x5a0)), addmod(mload(add(t, 0x7c0)), sub(r, mload(add(a, 0x1a0))), r), r), r)
            mstore(add(s, 0x7e0), addmod(mulmod(mload(add(t, 0x420)), mload(add(t, 0x680)), r), addmod(mulmod(mload(add(t, 0x3e0)), mload(add(t, 0x5e0)), r), mulmod(mload(add(t, 0x400)), mload(add(t, 0x640)), r), r), r))
            mstore(add(s, 0x800), addmod(mload(add(f, 0x80)), addmod(mulmod(mload(add(t, 0x480)), mload(add(t, 0x720)), r), addmod(mload(add(t, 0x7e0)), mulmod(mload(add(t, 0x460)), mload(add(t, 0x6c0)), r), r), r), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(t, 0x5a0)), addmod(mload(add(t, 0x800)), sub(r, mload(add(a, 0x1c0))), r), r), r)
            mstore(add(s, 0x820), addmod(mulmod(mload(add(t, 0x500)), mload(add(t, 0x680)), r), addmod(mulmod(mload(add(t, 0x4c0)), mload(add(t, 0x5e0)), r), mulmod(mload(add(t, 0x4e0)), mload(add(t, 0x640)), r), r), r))
            mstore(add(s, 0x840), addmod(mload(add(f, 0xa0)), addmod(mulmod(mload(add(t, 0x560)), mload(add(t, 0x720)), r), addmod(mload(add(t, 0x820)), mulmod(mload(add(t, 0x540)), mload(add(t, 0x6c0)), r), r), r), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(t, 0x5a0)), addmod(mload(add(t, 0x840)), sub(r, mload(add(a, 0x1e0))), r), r), r)
            mstore(add(s, 0x860), mulmod(mload(f), addmod(mload(f), sub(r, 1), r), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(t, 0x740)), mload(add(t, 0x860)), r), r)
            mstore(add(s, 0x880), 0x9fa487e7f5a0583903205ac467176e982991835de3fc7709778150adeff981e)
            mstore(add(s, 0x8a0), addmod(mulmod(mload(add(t, 0x680)), 0x27051769e1d35debbef78afd6f88fad906fcdb48e998f610387a8a90f5e817e5, r), addmod(mulmod(mload(add(t, 0x5e0)), mload(add(t, 0x880)), r), mulmod(mload(add(t, 0x640)), 0x8bdd77a1b245ee80f095b15e69f499486228d259e027b114e1578730c12ecb5, r), r), r))
            mstore(add(s, 0x8c0), mulmod(mload(add(a, 0x160)), mload(add(a, 0x160)), r))
            mstore(add(s, 0x8e0), mulmod(mload(add(a, 0x160)), mulmod(mload(add(t, 0x8c0)), mload(add(t, 0x8c0)), r), r))
            mstore(add(s, 0x900), mulmod(mload(add(t, 0x40)), mload(add(t, 0x8e0)), r))
            mstore(add(s, 0x920), addmod(mload(add(t, 0x900)), addmod(mulmod(mload(add(t, 0x720)), 0x12eb22c968257f0affa5362a39bc5b4320476988b256e2ecbc57e92044df118, r), addmod(mload(add(t, 0x8a0)), mulmod(mload(add(t, 0x6c0)), 0x27c48a2d2154910cf0cfd5d06bb3712c46be3482a7427aca337f03072840a35d, r), r), r), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(t, 0x860)), addmod(addmod(mload(add(f, 0x40)), mload(add(t, 0x920)), r), sub(r, mload(add(a, 0x180))), r), r), r)
        }
    }

    function foldGates5(uint256 a, uint256 f, uint256, uint256 s, uint256 t, uint256 r, uint256 y, uint256 folded) private pure returns (uint256 sum) {
        // Never so; but what may be left early is not put inline, and has room on its stack.
        if (r == 0) return 0;
        assembly ("memory-safe") {
            mstore(add(s, 0x940), 0x178a9f23cdeb6ce9608c2fb4ba96142219852308a773fb8c3857a40c348b4f72)
            mstore(add(s, 0x960), addmod(mulmod(mload(add(t, 0x680)), 0xaec18c9591e9dab5523ccf8821193c291c9d7b7d517a803f6982a627f08be8, r), addmod(mulmod(mload(add(t, 0x5e0)), mload(add(t, 0x940)), r), mulmod(mload(add(t, 0x640)), 0x15e4949f83bcf9dbc4a9e64e81dd754d3fe8cf7b1b8604ea1f8599eac34c18fb, r), r), r))
            mstore(add(s, 0x980), addmod(mulmod(mload(add(t, 0x880)), mload(add(t, 0x8e0)), r), addmod(mulmod(mload(add(t, 0x720)), 0x19385c111fc8e429577662e30893a9b6329c98c7bad0dc816175d195ace1d015, r), addmod(mload(add(t, 0x960)), mulmod(mload(add(t, 0x6c0)), 0x1fbb107d415f209168263ad25b7d5bbdefc219bd804ab682b137945e601a20e0, r), r), r), r))
            mstore(add(s, 0x9a0), mulmod(mload(add(a, 0x180)), mload(add(a, 0x180)), r))
            mstore(add(s, 0x9c0), mulmod(mload(add(a, 0x180)), mulmod(mload(add(t, 0x9a0)), mload(add(t, 0x9a0)), r), r))
            mstore(add(s, 0x9e0), mulmod(mload(add(t, 0x40)), mload(add(t, 0x9c0)), r))
            sum := addmod(mulmod(folded, y, r), mulmod(mload(add(t, 0x860)), addmod(addmod(mload(add(f, 0x60)), addmod(mload(add(t, 0x980)), mload(add(t, 0x9e0)), r), r), sub(r, mload(add(a, 0x1a0))), r), r), r)
            mstore(add(s, 0xa00), 0x121f7fd92510c3a19eae8a6ae1803c8d71c73bfd506292bf261517d2320501f1)
            mstore(add(s, 0xa20), addmod(mulmod(mload(add(t, 0x680)), 0x5b654f072ba148e098a340b410cb426074e0c86ccc9b3fa2d56208eb1d4d5bf, r), addmod(mulmod(mload(add(t, 0x5e0)), mload(add(t, 0xa00)), r), mulmod(mload(add(t, 0x640)), 0x2757efa2a4e53913664da7d478fba6f0e6b7c54cd8cc99e856760e412af8d3ca, r), r), r))
            mstore(add(s, 0xa40), addmod(mulmod(mload(add(t, 0x8e0)), mload(add(t, 0x940)), r), addmod(mulmod(mload(add(t, 0x720)), 0x26541c9d414c06a8f819cb5240c582eb055cd1186de47c4957ff9dc69bcb2a72, r), addmod(mload(add(t, 0xa20)), mulmod(mload(add(t, 0x6c0)), 0x119914831798abb777f34dca8bebc23bfca9a059b94f7ded0d9aaa927099efb8, r), r), r), r))
            mstore(add(s, 0xa60), mulmod(mload(add(a, 0x1a0)), mload(add(a, 0x1a0)), r))
            mstore(add(s, 0xa80), mulmod(mload(add(a, 0x1a0)), mulmod(mload(add(t, 0xa60)), mload(add(t, 0xa60)), r), r))
            mstore(add(s, 0xaa0), mulmod(mload(add(t, 0x40)), mload(add(t, 0xa80)), r))
            mstore(add(s, 0xac0), addmod(mload(add(f, 0x80)), addmod(mload(add(t, 0xaa0)), addmod(mload(add(t, 0xa40)), mulmod(mload(add(t, 0x880)), mload(add(t, 0x9c0)), r), r), r), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(t, 0x860)), addmod(mload(add(t, 0xac0)), sub(r, mload(add(a, 0x1c0))), r), r), r)
            mstore(add(s, 0xae0), addmod(mulmod(mload(add(t, 0x680)), 0x54d924a1ff0907f1b5590bb76b87c7f0ebd465844d840b01de410319cf07f2d, r), addmod(mulmod(mload(add(t, 0x5e0)), 0x1edbe2e779c10479452275a323029a0c0adc6f4ad658bed1be2d994fe5d62e81, r), mulmod(mload(add(t, 0x640)), 0x17d4489a54d862a767dfdd090d6bd78a02eb998ea85b0dd88bc0b7a351b55c2, r), r), r))
            mstore(add(s, 0xb00), addmod(mulmod(mload(add(t, 0x8e0)), mload(add(t, 0xa00)), r), addmod(mulmod(mload(add(t, 0x720)), 0x2c413427cb762fc0f9fc35175b2547b96801244e5a2ceebedfc76ccc65a8dfe6, r), addmod(mload(add(t, 0xae0)), mulmod(mload(add(t, 0x6c0)), 0x11f2c2b17b416c9f26a18fc69f5a336cb2fb667304729988ec3c3a61c1e499c8, r), r), r), r))
            mstore(add(s, 0xb20), mulmod(mload(add(a, 0x1c0)), mload(add(a, 0x1c0)), r))
            mstore(add(s, 0xb40), mulmod(mload(add(t, 0x40)), mulmod(mload(add(a, 0x1c0)), mulmod(mload(add(t, 0xb20)), mload(add(t, 0xb20)), r), r), r))
            mstore(add(s, 0xb60), addmod(mload(add(t, 0xb40)), addmod(mulmod(mload(add(t, 0x880)), mload(add(t, 0xa80)), r), addmod(mload(add(t, 0xb00)), mulmod(mload(add(t, 0x940)), mload(add(t, 0x9c0)), r), r), r), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(t, 0x860)), addmod(addmod(mload(add(f, 0xa0)), mload(add(t, 0xb60)), r), sub(r, mload(add(a, 0x1e0))), r), r), r)
        }
    }

    function foldGates6(uint256 a, uint256 f, uint256, uint256 s, uint256 t, uint256 r, uint256 y, uint256 folded) private pure returns (uint256 sum) {
        // Never so; but what may be left early is not put inline, and has room on its stack.
        if (r == 0) return 0;
        assembly ("memory-safe") {
            mstore(add(s, 0xb80), 0x218796dd338868e7300732cf5d3925c74c1badd0a32d8b41b96e555ddfe27869)
            mstore(add(s, 0xba0), 0x2503f642cfcb5f06e1a18c68efca3c0672ed26edfc7e6e77513ba7a4c660ab53)
            mstore(add(s, 0xbc0), 0x2c01b6282fad3d37bdc72033b4d8da10494ac283ec74d5e63d72dbe06b4037c6)
            mstore(add(s, 0xbe0), addmod(mulmod(mload(add(a, 0x40)), mload(add(t, 0xbc0)), r), addmod(mulmod(mload(a), mload(add(t, 0xb80)), r), mulmod(mload(add(a, 0x20)), mload(add(t, 0xba0)), r), r), r))
            mstore(add(s, 0xc00), 0x172f5e628cc26149dcc488004690cfa55faac52708481fffb3d4cfa3808b4051)
            mstore(add(s, 0xc20), 0x74019237db9fbc928e4fceaf52b9ffe45ead67eab8e238cb18878e6b20b8a6c)
            mstore(add(s, 0xc40), 0x14f6ab2c6caef74572f821bb82c4bda12a302be5aeb91ad1562b97b09db427d8)
            mstore(add(s, 0xc60), 0x207da9637379529f714ecb391b8679e0e706aa377007317ef46da24e8f9124e)
            mstore(add(s, 0xc80), addmod(mulmod(mload(add(t, 0xe0)), mload(add(t, 0xc60)), r), addmod(mulmod(mload(add(t, 0x20)), mload(add(t, 0xc20)), r), mulmod(mload(add(t, 0x80)), mload(add(t, 0xc40)), r), r), r))
            mstore(add(s, 0xca0), 0xd1ecfc6e6ec39c56d953ff80bbbe31b5710aa74969d92b87beaf53de7935be3)
            mstore(add(s, 0xcc0), addmod(addmod(mload(add(t, 0xbe0)), mulmod(mload(add(a, 0x60)), mload(add(t, 0xc00)), r), r), addmod(mulmod(mload(add(t, 0x40)), mload(add(t, 0x1c0)), r), addmod(mload(add(t, 0xc80)), mulmod(mload(add(t, 0x160)), mload(add(t, 0xca0)), r), r), r), r))
            sum := addmod(mulmod(folded, y, r), mulmod(mload(add(f, 0x160)), addmod(addmod(mload(add(f, 0xc0)), mload(add(t, 0xcc0)), r), sub(r, mload(add(a, 0x80))), r), r), r)
            mstore(add(s, 0xce0), addmod(mulmod(mload(add(a, 0x60)), mload(add(t, 0xbc0)), r), addmod(mulmod(mload(add(a, 0x20)), mload(add(t, 0xb80)), r), mulmod(mload(add(a, 0x40)), mload(add(t, 0xba0)), r), r), r))
            mstore(add(s, 0xd00), addmod(mulmod(mload(add(t, 0x160)), mload(add(t, 0xc60)), r), addmod(mulmod(mload(add(t, 0x80)), mload(add(t, 0xc20)), r), mulmod(mload(add(t, 0xe0)), mload(add(t, 0xc40)), r), r), r))
            mstore(add(s, 0xd20), addmod(addmod(mload(add(t, 0xce0)), mulmod(mload(add(a, 0x80)), mload(add(t, 0xc00)), r), r), addmod(mload(add(t, 0x600)), addmod(mload(add(t, 0xd00)), mulmod(mload(add(t, 0x1c0)), mload(add(t, 0xca0)), r), r), r), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(f, 0x160)), addmod(addmod(mload(add(f, 0xe0)), mload(add(t, 0xd20)), r), sub(r, mload(add(a, 0xa0))), r), r), r)
        }
    }

    function foldGates7(uint256 a, uint256 f, uint256, uint256 s, uint256 t, uint256 r, uint256 y, uint256 folded) private pure returns (uint256 sum) {
        // Never so; but what may be left early is not put inline, and has room on its stack.
        if (r == 0) return 0;
        assembly ("memory-safe") {
            mstore(add(s, 0xd40), addmod(mulmod(mload(add(a, 0x80)), mload(add(t, 0xbc0)), r), addmod(mulmod(mload(add(a, 0x40)), mload(add(t, 0xb80)), r), mulmod(mload(add(a, 0x60)), mload(add(t, 0xba0)), r), r), r))
            mstore(add(s, 0xd60), addmod(mulmod(mload(add(t, 0x1c0)), mload(add(t, 0xc60)), r), addmod(mulmod(mload(add(t, 0xe0)), mload(add(t, 0xc20)), r), mulmod(mload(add(t, 0x160)), mload(add(t, 0xc40)), r), r), r))
            mstore(add(s, 0xd80), addmod(addmod(mload(add(t, 0xd40)), mulmod(mload(add(a, 0xa0)), mload(add(t, 0xc00)), r), r), addmod(mulmod(mload(add(t, 0x40)), mload(add(t, 0x640)), r), addmod(mload(add(t, 0xd60)), mulmod(mload(add(t, 0x5e0)), mload(add(t, 0xca0)), r), r), r), r))
            sum := addmod(mulmod(folded, y, r), mulmod(mload(add(f, 0x160)), addmod(addmod(mload(add(f, 0x100)), mload(add(t, 0xd80)), r), sub(r, mload(add(a, 0xc0))), r), r), r)
            mstore(add(s, 0xda0), addmod(mulmod(mload(add(a, 0xa0)), mload(add(t, 0xbc0)), r), addmod(mulmod(mload(add(a, 0x60)), mload(add(t, 0xb80)), r), mulmod(mload(add(a, 0x80)), mload(add(t, 0xba0)), r), r), r))
            mstore(add(s, 0xdc0), addmod(mulmod(mload(add(t, 0x5e0)), mload(add(t, 0xc60)), r), addmod(mulmod(mload(add(t, 0x160)), mload(add(t, 0xc20)), r), mulmod(mload(add(t, 0x1c0)), mload(add(t, 0xc40)), r), r), r))
            mstore(add(s, 0xde0), addmod(addmod(mload(add(t, 0xda0)), mulmod(mload(add(a, 0xc0)), mload(add(t, 0xc00)), r), r), addmod(mulmod(mload(add(t, 0x40)), mload(add(t, 0x680)), r), addmod(mload(add(t, 0xdc0)), mulmod(mload(add(t, 0x640)), mload(add(t, 0xca0)), r), r), r), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(f, 0x160)), addmod(addmod(mload(add(f, 0x120)), mload(add(t, 0xde0)), r), sub(r, mload(add(a, 0xe0))), r), r), r)
            mstore(add(s, 0xe00), addmod(mulmod(mload(add(a, 0xc0)), mload(add(t, 0xbc0)), r), addmod(mulmod(mload(add(a, 0x80)), mload(add(t, 0xb80)), r), mulmod(mload(add(a, 0xa0)), mload(add(t, 0xba0)), r), r), r))
            mstore(add(s, 0xe20), addmod(mulmod(mload(add(t, 0x640)), mload(add(t, 0xc60)), r), addmod(mulmod(mload(add(t, 0x1c0)), mload(add(t, 0xc20)), r), mulmod(mload(add(t, 0x5e0)), mload(add(t, 0xc40)), r), r), r))
            mstore(add(s, 0xe40), addmod(addmod(mload(add(t, 0xe00)), mulmod(mload(add(a, 0xe0)), mload(add(t, 0xc00)), r), r), addmod(mulmod(mload(add(t, 0x40)), mload(add(t, 0x6c0)), r), addmod(mload(add(t, 0xe20)), mulmod(mload(add(t, 0x680)), mload(add(t, 0xca0)), r), r), r), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(f, 0x160)), addmod(addmod(mload(add(f, 0x140)), mload(add(t, 0xe40)), r), sub(r, mload(add(a, 0x100))), r), r), r)
            mstore(add(s, 0xe60), mulmod(mload(add(f, 0x160)), addmod(mload(add(f, 0x160)), sub(r, 2), r), r))
            mstore(add(s, 0xe80), addmod(mulmod(mload(add(a, 0xe0)), mload(add(t, 0xbc0)), r), addmod(mulmod(mload(add(a, 0xa0)), mload(add(t, 0xb80)), r), mulmod(mload(add(a, 0xc0)), mload(add(t, 0xba0)), r), r), r))
            mstore(add(s, 0xea0), addmod(mulmod(mload(add(t, 0x680)), mload(add(t, 0xc60)), r), addmod(mulmod(mload(add(t, 0x5e0)), mload(add(t, 0xc20)), r), mulmod(mload(add(t, 0x640)), mload(add(t, 0xc40)), r), r), r))
            mstore(add(s, 0xec0), addmod(addmod(mload(add(t, 0xe80)), mulmod(mload(add(a, 0x100)), mload(add(t, 0xc00)), r), r), addmod(mulmod(mload(add(t, 0x40)), mload(add(t, 0x720)), r), addmod(mload(add(t, 0xea0)), mulmod(mload(add(t, 0x6c0)), mload(add(t, 0xca0)), r), r), r), r))
            mstore(add(s, 0xee0), addmod(addmod(mload(add(f, 0x20)), mload(add(t, 0xec0)), r), sub(r, mload(add(a, 0x160))), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(t, 0xe60)), mload(add(t, 0xee0)), r), r)
        }
    }

    function foldGates8(uint256 a, uint256 f, uint256, uint256 s, uint256 t, uint256 r, uint256 y, uint256 folded) private pure returns (uint256 sum) {
        // Never so; but what may be left early is not put inline, and has room on its stack.
        if (r == 0) return 0;
        assembly ("memory-safe") {
            mstore(add(s, 0xf00), addmod(mulmod(mload(add(a, 0x100)), mload(add(t, 0xbc0)), r), addmod(mulmod(mload(add(a, 0xc0)), mload(add(t, 0xb80)), r), mulmod(mload(add(a, 0xe0)), mload(add(t, 0xba0)), r), r), r))
            mstore(add(s, 0xf20), addmod(mulmod(mload(add(t, 0x6c0)), mload(add(t, 0xc60)), r), addmod(mulmod(mload(add(t, 0x640)), mload(add(t, 0xc20)), r), mulmod(mload(add(t, 0x680)), mload(add(t, 0xc40)), r), r), r))
            mstore(add(s, 0xf40), addmod(addmod(mload(add(t, 0xf00)), mulmod(mload(add(a, 0x160)), mload(add(t, 0xc00)), r), r), addmod(mload(add(t, 0x900)), addmod(mload(add(t, 0xf20)), mulmod(mload(add(t, 0x720)), mload(add(t, 0xca0)), r), r), r), r))
            sum := addmod(mulmod(folded, y, r), mulmod(mload(add(t, 0xe60)), addmod(addmod(mload(add(f, 0x40)), mload(add(t, 0xf40)), r), sub(r, mload(add(a, 0x180))), r), r), r)
            mstore(add(s, 0xf60), addmod(mulmod(mload(add(a, 0x160)), mload(add(t, 0xbc0)), r), addmod(mulmod(mload(add(a, 0xe0)), mload(add(t, 0xb80)), r), mulmod(mload(add(a, 0x100)), mload(add(t, 0xba0)), r), r), r))
            mstore(add(s, 0xf80), addmod(mulmod(mload(add(t, 0x720)), mload(add(t, 0xc60)), r), addmod(mulmod(mload(add(t, 0x680)), mload(add(t, 0xc20)), r), mulmod(mload(add(t, 0x6c0)), mload(add(t, 0xc40)), r), r), r))
            mstore(add(s, 0xfa0), addmod(addmod(mload(add(t, 0xf60)), mulmod(mload(add(a, 0x180)), mload(add(t, 0xc00)), r), r), addmod(mload(add(t, 0x9e0)), addmod(mload(add(t, 0xf80)), mulmod(mload(add(t, 0x8e0)), mload(add(t, 0xca0)), r), r), r), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(t, 0xe60)), addmod(addmod(mload(add(f, 0x60)), mload(add(t, 0xfa0)), r), sub(r, mload(add(a, 0x1a0))), r), r), r)
            mstore(add(s, 0xfc0), addmod(mulmod(mload(add(a, 0x180)), mload(add(t, 0xbc0)), r), addmod(mulmod(mload(add(a, 0x100)), mload(add(t, 0xb80)), r), mulmod(mload(add(a, 0x160)), mload(add(t, 0xba0)), r), r), r))
            mstore(add(s, 0xfe0), addmod(mulmod(mload(add(t, 0x8e0)), mload(add(t, 0xc60)), r), addmod(mulmod(mload(add(t, 0x6c0)), mload(add(t, 0xc20)), r), mulmod(mload(add(t, 0x720)), mload(add(t, 0xc40)), r), r), r))
            mstore(add(s, 0x1000), addmod(addmod(mload(add(t, 0xfc0)), mulmod(mload(add(a, 0x1a0)), mload(add(t, 0xc00)), r), r), addmod(mload(add(t, 0xaa0)), addmod(mload(add(t, 0xfe0)), mulmod(mload(add(t, 0x9c0)), mload(add(t, 0xca0)), r), r), r), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(t, 0xe60)), addmod(addmod(mload(add(f, 0x80)), mload(add(t, 0x1000)), r), sub(r, mload(add(a, 0x1c0))), r), r), r)
            mstore(add(s, 0x1020), addmod(mulmod(mload(add(a, 0x1a0)), mload(add(t, 0xbc0)), r), addmod(mulmod(mload(add(a, 0x160)), mload(add(t, 0xb80)), r), mulmod(mload(add(a, 0x180)), mload(add(t, 0xba0)), r), r), r))
            mstore(add(s, 0x1040), addmod(mulmod(mload(add(t, 0x9c0)), mload(add(t, 0xc60)), r), addmod(mulmod(mload(add(t, 0x720)), mload(add(t, 0xc20)), r), mulmod(mload(add(t, 0x8e0)), mload(add(t, 0xc40)), r), r), r))
            mstore(add(s, 0x1060), addmod(addmod(mload(add(t, 0x1020)), mulmod(mload(add(a, 0x1c0)), mload(add(t, 0xc00)), r), r), addmod(mload(add(t, 0xb40)), addmod(mload(add(t, 0x1040)), mulmod(mload(add(t, 0xa80)), mload(add(t, 0xca0)), r), r), r), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(t, 0xe60)), addmod(addmod(mload(add(f, 0xa0)), mload(add(t, 0x1060)), r), sub(r, mload(add(a, 0x1e0))), r), r), r)
        }
    }

    function foldGates9(uint256 a, uint256 f, uint256, uint256 s, uint256 t, uint256 r, uint256 y, uint256 folded) private pure returns (uint256 sum) {
        // Never so; but what may be left early is not put inline, and has room on its stack.
        if (r == 0) return 0;
        assembly ("memory-safe") {
            mstore(add(s, 0x1080), mulmod(mload(add(f, 0x160)), addmod(mload(add(f, 0x160)), sub(r, 1), r), r))
            sum := addmod(mulmod(folded, y, r), mulmod(mload(add(t, 0xee0)), mload(add(t, 0x1080)), r), r)
            mstore(add(s, 0x10a0), addmod(mulmod(mload(add(a, 0xe0)), 0xf7967e168b485c284699f7e83f415b6c46bcfc5b38e23d24f818ea11498dc55, r), addmod(mulmod(mload(add(a, 0xa0)), 0x2c00d6f19ba9d811ab61885a7b7c0a914c725f1354055ed03bb58f447e49908c, r), mulmod(mload(add(a, 0xc0)), 0x192bbd666b8961a67df87c19c48e94407d35ec010e1ca2e75f33a1ce967a4300, r), r), r))
            mstore(add(s, 0x10c0), addmod(mulmod(mload(add(t, 0x680)), 0x10cc3645e0f573abf47d72b894c31a0f01bce7e16555296b08f923424583f659, r), addmod(mulmod(mload(add(t, 0x5e0)), 0x66248cc37056592fad7553c25d1903d31eaf399811611591f59e9428c6796b9, r), mulmod(mload(add(t, 0x640)), 0x25eb304fbdc6590b9c0f06fc441cbb9d0a6a2dc20b2d9fd1c9dea5097994ddc7, r), r), r))
            mstore(add(s, 0x10e0), addmod(addmod(mload(add(t, 0x10a0)), mulmod(mload(add(a, 0x100)), 0xad81cd1f069e7a99ef97532689654a0b670b7d4d4ab71391dfe3d6261108242, r), r), addmod(mulmod(mload(add(t, 0x220)), mload(add(t, 0x720)), r), addmod(mload(add(t, 0x10c0)), mulmod(mload(add(t, 0x6c0)), 0x1a2f28c9e56eb1392cc3f6a29307706ac002f81359e2026a614c23beeae57e93, r), r), r), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(t, 0x1080)), addmod(addmod(mload(add(f, 0x40)), mload(add(t, 0x10e0)), r), sub(r, mload(add(a, 0x180))), r), r), r)
            mstore(add(s, 0x1100), addmod(mulmod(mload(add(a, 0xe0)), 0x19f7d0c7bc9d2d124d5652cb8c9ca4a302a1e60ae605d6e16930bc5cfefaeed8, r), addmod(mulmod(mload(add(a, 0xa0)), 0x22ed2ea51f262e63438030476594768a56ddfba3a1bbf258f8401c4b57ebb5cd, r), mulmod(mload(add(a, 0xc0)), 0x21a6d6eb76c31b44880c23259e5f754a34b5d1001bddc577dead9dd6193d36b2, r), r), r))
            mstore(add(s, 0x1120), addmod(mulmod(mload(add(t, 0x680)), 0xe328cd973dcabaac60acff004c19db7b2aaade89107d1d5d1db703d2549fe4a, r), addmod(mulmod(mload(add(t, 0x5e0)), 0x1b72fcc764c66935dd4fc32b3a5dfe7763e9cd4ec157be5a2d3006f11983824e, r), mulmod(mload(add(t, 0x640)), 0x138ebb16a09dc4788152b058d41a6fdb7231ac51e6c20e2ba7f8fc23789f5042, r), r), r))
            mstore(add(s, 0x1140), addmod(addmod(mload(add(t, 0x1100)), mulmod(mload(add(a, 0x100)), 0x27a604e0fb1c40c8a109d5a57b3435ff994e3b18c49865b1905fa3b588342ec6, r), r), addmod(mulmod(mload(add(t, 0x300)), mload(add(t, 0x720)), r), addmod(mload(add(t, 0x1120)), mulmod(mload(add(t, 0x6c0)), 0x17161a779cbdc8ceaa1209127a3d8a309d18a76a64023c13996de2aafa752748, r), r), r), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(t, 0x1080)), addmod(addmod(mload(add(f, 0x60)), mload(add(t, 0x1140)), r), sub(r, mload(add(a, 0x1a0))), r), r), r)
            mstore(add(s, 0x1160), addmod(mulmod(mload(add(a, 0xe0)), 0xcd2690fe22e87766e8d038bdfec70e6c4d9fa6f056ab6667334dbdaba934967, r), addmod(mulmod(mload(add(a, 0xa0)), 0xddc5d939b00e1761d690ff18fdf1effe198d306b104e67acfa93fc09b523620, r), mulmod(mload(add(a, 0xc0)), 0x1594b5722c857cf63ad49e88fb93c0685295c10f79065c177b343ed6193e51ce, r), r), r))
            mstore(add(s, 0x1180), addmod(mulmod(mload(add(t, 0x680)), 0x13498fd3636a82ceeb6869d5d1fa62ad4928db9ac7d73dfea4546aacf3086796, r), addmod(mulmod(mload(add(t, 0x5e0)), 0x11558876b14007d6d99e5f83f17c51cf257d85bdaba0b435922cd598f15645fe, r), mulmod(mload(add(t, 0x640)), 0x29058797bf16eb2375473bffc54ef99074f2f15e727b23b6d668a9b646e06168, r), r), r))
            mstore(add(s, 0x11a0), addmod(addmod(mload(add(t, 0x1160)), mulmod(mload(add(a, 0x100)), 0x1ce8d6dd00e1f2067a6d516b974d8d9662977d0340ae5d97490719858d9a4bae, r), r), addmod(mulmod(mload(add(t, 0x3e0)), mload(add(t, 0x720)), r), addmod(mload(add(t, 0x1180)), mulmod(mload(add(t, 0x6c0)), 0x1ab99ce7efb579c583bee34969455809ec5682c34fd70283a563f2dd56931837, r), r), r), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(t, 0x1080)), addmod(addmod(mload(add(f, 0x80)), mload(add(t, 0x11a0)), r), sub(r, mload(add(a, 0x1c0))), r), r), r)
            mstore(add(s, 0x11c0), addmod(mulmod(mload(add(a, 0xe0)), 0x11efc65359d2d8613c0c58bb757500d94842001635885927e165d706c8d38090, r), addmod(mulmod(mload(add(a, 0xa0)), 0x5711a778ac7a6c11a262e783871949fd457f8c346bc856ed66ef72d533d46bb, r), mulmod(mload(add(a, 0xc0)), 0x226c26c0ce93ec28bd93588e8bbada13a1661e5ab6f270f221387c78ccc23507, r), r), r))
            mstore(add(s, 0x11e0), addmod(mulmod(mload(add(t, 0x680)), 0x1fabf2cc05d502898a9706ae99c4b772c42c684e75af4da80ce4edacb74f45e0, r), addmod(mulmod(mload(add(t, 0x5e0)), 0x253d184c28cfde79628f1d98bd614b00ab255913d20ac8acc5dc5f97ff511686, r), mulmod(mload(add(t, 0x640)), 0x1c4f7cb82fdca0b54cfed1cdd0114d8aa225a325df2e74b644468702483551b5, r), r), r))
            mstore(add(s, 0x1200), addmod(addmod(mload(add(t, 0x11c0)), mulmod(mload(add(a, 0x100)), 0x2fb9034dd9f60482ea84e230b6ea2caa0357c168af6221481cda83bf9d5ab25c, r), r), addmod(mulmod(mload(add(t, 0x4c0)), mload(add(t, 0x720)), r), addmod(mload(add(t, 0x11e0)), mulmod(mload(add(t, 0x6c0)), 0xcbf2889c094e867ae6d5543601d653f108e25d99b0c274c94dd13f5c4601b6b, r), r), r), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(t, 0x1080)), addmod(addmod(mload(add(f, 0xa0)), mload(add(t, 0x1200)), r), sub(r, mload(add(a, 0x1e0))), r), r), r)
        }
    }

    function foldGates10(uint256 a, uint256 f, uint256, uint256 s, uint256 t, uint256 r, uint256 y, uint256 folded) private pure returns (uint256 sum) {
        // Never so; but what may be left early is not put inline, and has room on its stack.
        if (r == 0) return 0;
        assembly ("memory-safe") {
            mstore(add(s, 0x1220), addmod(mload(add(f, 0x180)), sub(r, 2), r))
            mstore(add(s, 0x1240), addmod(mload(add(f, 0x180)), sub(r, 3), r))
            mstore(add(s, 0x1260), mulmod(mload(add(t, 0x1240)), mulmod(mload(add(f, 0x180)), mload(add(t, 0x1220)), r), r))
            sum := addmod(mulmod(folded, y, r), mulmod(mload(add(t, 0x1260)), addmod(addmod(mload(add(f, 0x20)), mulmod(mload(add(a, 0x140)), mload(add(f, 0xc0)), r), r), sub(r, mload(add(a, 0x160))), r), r), r)
            mstore(add(s, 0x1280), addmod(addmod(mload(add(a, 0xa0)), addmod(mload(add(f, 0x40)), mulmod(mload(a), mload(add(f, 0xc0)), r), r), r), sub(r, mload(add(a, 0x180))), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(t, 0x1260)), mload(add(t, 0x1280)), r), r)
            mstore(add(s, 0x12a0), addmod(addmod(mload(add(a, 0xc0)), addmod(mload(add(f, 0x60)), mulmod(mload(add(a, 0x20)), mload(add(f, 0xc0)), r), r), r), sub(r, mload(add(a, 0x1a0))), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(t, 0x1260)), mload(add(t, 0x12a0)), r), r)
            mstore(add(s, 0x12c0), addmod(addmod(mload(add(a, 0xe0)), addmod(mload(add(f, 0x80)), mulmod(mload(add(a, 0x40)), mload(add(f, 0xc0)), r), r), r), sub(r, mload(add(a, 0x1c0))), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(t, 0x1260)), mload(add(t, 0x12c0)), r), r)
            mstore(add(s, 0x12e0), addmod(addmod(mload(add(a, 0x100)), addmod(mload(add(f, 0xa0)), mulmod(mload(add(a, 0x60)), mload(add(f, 0xc0)), r), r), r), sub(r, mload(add(a, 0x1e0))), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(t, 0x1260)), mload(add(t, 0x12e0)), r), r)
            mstore(add(s, 0x1300), mulmod(mload(add(f, 0x180)), addmod(mload(add(f, 0x180)), sub(r, 1), r), r))
            mstore(add(s, 0x1320), mulmod(mload(add(t, 0x1240)), mload(add(t, 0x1300)), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(t, 0x1320)), mulmod(mload(add(a, 0x80)), addmod(mload(add(a, 0x80)), sub(r, 1), r), r), r), r)
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(t, 0x1320)), mulmod(mload(add(a, 0xa0)), addmod(mload(add(a, 0xa0)), sub(r, 1), r), r), r), r)
        }
    }

    function foldGates11(uint256 a, uint256 f, uint256, uint256 s, uint256 t, uint256 r, uint256 y, uint256 folded) private pure returns (uint256 sum) {
        // Never so; but what may be left early is not put inline, and has room on its stack.
        if (r == 0) return 0;
        assembly ("memory-safe") {
            sum := addmod(mulmod(folded, y, r), mulmod(mload(add(t, 0x1320)), addmod(mload(add(f, 0x20)), sub(r, mload(add(a, 0x160))), r), r), r)
            mstore(add(s, 0x1340), mulmod(mload(add(a, 0x80)), mload(add(a, 0xa0)), r))
            mstore(add(s, 0x1360), addmod(mload(add(t, 0x1340)), addmod(addmod(1, sub(r, mload(add(a, 0x80))), r), sub(r, mload(add(a, 0xa0))), r), r))
            mstore(add(s, 0x1380), addmod(mload(add(f, 0x40)), addmod(mload(add(a, 0xc0)), mulmod(mload(add(t, 0x1360)), addmod(mload(a), sub(r, mload(add(a, 0xc0))), r), r), r), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(t, 0x1320)), addmod(mload(add(t, 0x1380)), sub(r, mload(add(a, 0x180))), r), r), r)
            mstore(add(s, 0x13a0), addmod(mload(a), sub(r, mload(add(a, 0xe0))), r))
            mstore(add(s, 0x13c0), addmod(mulmod(mload(add(t, 0x13a0)), addmod(mload(add(a, 0x80)), sub(r, mload(add(t, 0x1340))), r), r), addmod(mload(add(a, 0xe0)), mulmod(mload(add(t, 0x1360)), addmod(mload(add(a, 0xc0)), sub(r, mload(add(a, 0xe0))), r), r), r), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(t, 0x1320)), addmod(addmod(mload(add(f, 0x60)), mload(add(t, 0x13c0)), r), sub(r, mload(add(a, 0x1a0))), r), r), r)
            mstore(add(s, 0x13e0), addmod(mulmod(mload(add(t, 0x1340)), addmod(mload(add(a, 0x100)), sub(r, mload(add(a, 0xe0))), r), r), addmod(mload(add(a, 0xe0)), mulmod(mload(add(t, 0x13a0)), addmod(mload(add(a, 0xa0)), sub(r, mload(add(t, 0x1340))), r), r), r), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(t, 0x1320)), addmod(addmod(mload(add(f, 0x80)), mload(add(t, 0x13e0)), r), sub(r, mload(add(a, 0x1c0))), r), r), r)
            mstore(add(s, 0x1400), addmod(mload(add(f, 0xa0)), addmod(mload(add(a, 0x100)), mulmod(mload(add(t, 0x1340)), addmod(mload(a), sub(r, mload(add(a, 0x100))), r), r), r), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(t, 0x1320)), addmod(mload(add(t, 0x1400)), sub(r, mload(add(a, 0x1e0))), r), r), r)
            mstore(add(s, 0x1420), mulmod(mload(a), addmod(mulmod(mload(add(a, 0x20)), mload(add(f, 0x40)), r), mulmod(mload(add(a, 0x40)), mload(add(f, 0x60)), r), r), r))
            mstore(add(s, 0x1440), mulmod(mload(add(f, 0xe0)), mload(add(a, 0xa0)), r))
            mstore(add(s, 0x1460), addmod(mload(add(t, 0x1440)), addmod(mulmod(mload(add(a, 0x60)), mload(add(f, 0xa0)), r), addmod(mload(add(f, 0xc0)), mulmod(mload(add(a, 0x40)), mload(add(f, 0x80)), r), r), r), r))
            mstore(add(s, 0x1480), addmod(mload(add(t, 0x1420)), addmod(mulmod(mload(add(f, 0x120)), mload(add(a, 0xe0)), r), addmod(mload(add(t, 0x1460)), mulmod(mload(add(f, 0x100)), mload(add(a, 0xc0)), r), r), r), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mulmod(mload(add(t, 0x1220)), mload(add(t, 0x1300)), r), addmod(mload(add(t, 0x1480)), sub(r, mload(add(a, 0x80))), r), r), r)
        }
    }

    function foldGates12(uint256 a, uint256 f, uint256 i, uint256 s, uint256 t, uint256 r, uint256 y, uint256 folded) private pure returns (uint256 sum) {
        // Never so; but what may be left early is not put inline, and has room on its stack.
        if (r == 0) return 0;
        assembly ("memory-safe") {
            mstore(add(s, 0x14a0), addmod(mulmod(mload(add(a, 0x40)), mulmod(mload(a), mload(add(f, 0x40)), r), r), mulmod(mload(add(a, 0x60)), mulmod(mload(add(a, 0x20)), mload(add(f, 0x60)), r), r), r))
            mstore(add(s, 0x14c0), addmod(mload(add(f, 0x100)), addmod(mulmod(mload(add(f, 0xc0)), mload(add(a, 0xa0)), r), addmod(mload(add(t, 0x14a0)), mulmod(mload(add(a, 0x80)), mload(add(f, 0xa0)), r), r), r), r))
            mstore(add(s, 0x14e0), mulmod(mload(add(f, 0x80)), addmod(mulmod(mload(a), mload(add(a, 0x60)), r), mulmod(mload(add(a, 0x20)), mload(add(a, 0x40)), r), r), r))
            mstore(add(s, 0x1500), addmod(mulmod(mload(add(a, 0xe0)), addmod(mload(add(t, 0x1440)), mload(add(t, 0x14e0)), r), r), addmod(mulmod(mload(add(f, 0x20)), mload(add(a, 0x160)), r), mulmod(mload(add(a, 0xc0)), mload(add(t, 0x14c0)), r), r), r))
            sum := addmod(mulmod(folded, y, r), mulmod(mload(add(f, 0x1a0)), addmod(mload(add(t, 0x1500)), sub(r, mulmod(mload(add(a, 0x140)), mload(add(f, 0x120)), r)), r), r), r)
            mstore(add(s, 0x1520), addmod(mload(add(f, 0x1c0)), sub(r, 3), r))
            mstore(add(s, 0x1540), addmod(mload(add(f, 0x1c0)), sub(r, 4), r))
            mstore(add(s, 0x1560), addmod(mulmod(mload(add(a, 0x260)), 0x8000000000, r), addmod(mulmod(mload(add(a, 0x240)), 0x4000000, r), addmod(mload(add(a, 0x200)), mulmod(mload(add(a, 0x220)), 8192, r), r), r), r))
            mstore(add(s, 0x1580), addmod(mload(add(f, 0x1c0)), sub(r, 1), r))
            mstore(add(s, 0x15a0), addmod(addmod(mload(add(a, 0x120)), sub(r, mload(add(t, 0x1560))), r), sub(r, mulmod(mload(add(a, 0x280)), mulmod(mload(add(t, 0x1580)), mload(add(a, 0x2a0)), r), r)), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(t, 0x15a0)), mulmod(mload(add(t, 0x1540)), mulmod(mload(add(f, 0x1c0)), mload(add(t, 0x1520)), r), r), r), r)
            mstore(add(s, 0x15c0), mulmod(mulmod(mload(add(f, 0x1c0)), mload(add(t, 0x1580)), r), addmod(mload(add(f, 0x1c0)), sub(r, 2), r), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mulmod(mload(add(t, 0x1520)), mload(add(t, 0x15c0)), r), addmod(mload(add(a, 0x120)), sub(r, mload(i)), r), r), r)
            mstore(add(s, 0x15e0), mulmod(mload(add(t, 0x1540)), mload(add(t, 0x15c0)), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(t, 0x15e0)), addmod(mload(add(a, 0x120)), sub(r, mload(add(a, 0x2e0))), r), r), r)
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(t, 0x15e0)), addmod(mload(add(a, 0x280)), sub(r, mload(add(a, 0x2c0))), r), r), r)
        }
    }

    function foldGates13(uint256 a, uint256 f, uint256, uint256 s, uint256 t, uint256 r, uint256 y, uint256 folded) private pure returns (uint256 sum) {
        // Never so; but what may be left early is not put inline, and has room on its stack.
        if (r == 0) return 0;
        assembly ("memory-safe") {
            sum := addmod(mulmod(folded, y, r), mulmod(mload(add(f, 0x1e0)), addmod(mload(add(a, 0x2c0)), sub(r, mload(add(a, 0x2a0))), r), r), r)
            mstore(add(s, 0x1600), addmod(mload(add(a, 0x200)), mload(add(a, 0x2a0)), r))
            mstore(add(s, 0x1620), addmod(mload(add(a, 0x220)), mload(add(a, 0x2a0)), r))
            mstore(add(s, 0x1640), mulmod(mload(add(t, 0x1600)), mload(add(t, 0x1620)), r))
            mstore(add(s, 0x1660), addmod(mload(add(a, 0x240)), mload(add(a, 0x2a0)), r))
            mstore(add(s, 0x1680), addmod(mload(add(a, 0x260)), mload(add(a, 0x2a0)), r))
            mstore(add(s, 0x16a0), mulmod(mload(add(t, 0x1660)), mload(add(t, 0x1680)), r))
            mstore(add(s, 0x16c0), mulmod(mload(add(t, 0x1640)), mload(add(t, 0x16a0)), r))
            mstore(add(s, 0x16e0), addmod(mload(add(a, 0x2a0)), mload(add(f, 0x200)), r))
            mstore(add(s, 0x1700), addmod(mulmod(mload(add(t, 0x16c0)), mload(add(a, 0x320)), r), mulmod(mload(add(t, 0x16e0)), mulmod(mload(add(t, 0x16c0)), addmod(mload(add(a, 0x300)), sub(r, mload(add(a, 0x2e0))), r), r), r), r))
            mstore(add(s, 0x1720), addmod(mulmod(mload(add(t, 0x16a0)), addmod(mload(add(t, 0x1600)), mload(add(t, 0x1620)), r), r), mulmod(mload(add(t, 0x1640)), addmod(mload(add(t, 0x1660)), mload(add(t, 0x1680)), r), r), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(add(f, 0x1e0)), addmod(mload(add(t, 0x1700)), sub(r, mulmod(mload(add(t, 0x16e0)), mload(add(t, 0x1720)), r)), r), r), r)
        }
    }
}
