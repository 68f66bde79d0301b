// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IPoseidon} from "./IPoseidon.sol";

/// @title Registry of assets
/// @notice Holds the assets that may enter the rollup, their auditors, and the Merkle root (arity
/// 4, depth 8) under which transactions prove which asset they move (spec: *Trees and state*,
/// *Settlement*).
interface IAssetRegistry {
    /// @notice One registered asset.
    /// @param token the ERC-20 token on this chain; zero for the chain's native coin
    /// @param flags policy bits that the leaf carries; below 32
    /// @param auditorX x coordinate of the auditor's key on the embedded curve
    /// @param auditorY y coordinate of the auditor's key
    struct Asset {
        address token;
        uint8 flags;
        uint256 auditorX;
        uint256 auditorY;
    }

    /// @notice A key on the embedded curve.
    struct AuditorKey {
        uint256 x;
        uint256 y;
    }

    /// @notice An asset was appended. `root` is the new root of the tree.
    event AssetRegistered(
        uint16 indexed asset,
        address indexed token,
        uint8 flags,
        uint256 auditorX,
        uint256 auditorY,
        uint256 root
    );

    /// @notice An asset's auditor was replaced. `root` is the new root of the tree.
    event AuditorRotated(uint16 indexed asset, uint256 auditorX, uint256 auditorY, uint256 root);

    /// @notice Minimum and fee of the asset's deposits changed, both in base units.
    event DepositTermsSet(uint16 indexed asset, uint128 minimum, uint128 fee);

    /// @notice No asset has this id.
    error UnknownAsset(uint256 asset);

    /// @notice The token is already registered, as `asset`.
    error TokenAlreadyRegistered(address token, uint16 asset);

    /// @notice The token's address is neither zero nor a contract.
    error TokenNotAContract(address token);

    /// @notice The leaf has room for five flags; `flags` is not below 32.
    error FlagsOutOfRange(uint8 flags);

    /// @notice All 65,536 ids are in use.
    error RegistryFull();

    /// @notice The fee is above half the minimum, in base units.
    error DepositFeeTooHigh(uint128 fee, uint128 minimum);

    /// @notice The amount, in base units, has no compact form: it is not m · 10^e with m < 2³² and
    /// e < 2⁸.
    error AmountNotCompact(uint128 amount);

    /// @notice A coordinate is not below the field's modulus.
    error CoordinateNotCanonical(uint256 coordinate);

    /// @notice The point is not on the embedded curve.
    error PointNotOnCurve(uint256 x, uint256 y);

    /// @notice The point is outside the subgroup of prime order.
    error PointNotInSubgroup(uint256 x, uint256 y);

    /// @notice The point is the identity.
    error PointIsIdentity();

    /// @notice Appends an asset with an auditor's key. Only governance may call.
    /// @param token the ERC-20 token, or zero for the native coin; each can be registered once
    /// @param auditorX x coordinate of the key, a point on the curve, in the prime subgroup, not
    /// the identity
    /// @param auditorY y coordinate of the key
    /// @param flags policy bits; below 32
    /// @return asset the new id; ids count from 0
    function register(address token, uint256 auditorX, uint256 auditorY, uint8 flags)
        external
        returns (uint16 asset);

    /// @notice Appends an asset without an auditor. Its leaf carries the protocol's fixed point N.
    /// Only governance may call.
    /// @param token the ERC-20 token, or zero for the native coin; each can be registered once
    /// @param flags policy bits; below 32
    /// @return asset the new id; ids count from 0
    function registerUnaudited(address token, uint8 flags) external returns (uint16 asset);

    /// @notice Replaces an asset's auditor and keeps the replaced key for good: senders find their
    /// own notes by the audit words, whose keys they must know. Only governance may call.
    /// @param asset a registered id
    /// @param auditorX x coordinate of the new key, checked as in `register`
    /// @param auditorY y coordinate of the new key
    function rotateAuditor(uint16 asset, uint256 auditorX, uint256 auditorY) external;

    /// @notice Sets the least amount of the asset that a deposit brings, and the fee that a deposit
    /// pays to the rollup's sequencer. Both are 0 for a new asset. The root does not cover them.
    /// Only governance may call.
    /// @dev The registry stores an amount as m · 10^e in 40 bits: the mantissa m, below 2³², in the
    /// upper 32, the exponent e in the lower 8.
    /// @param asset a registered id
    /// @param minimum least amount that the vault must receive, base units; has a compact form
    /// @param fee fee of each deposit, base units, at most half the minimum; has a compact form
    function setDepositTerms(uint16 asset, uint128 minimum, uint128 fee) external;

    /// @notice Returns the hash contract.
    function poseidon() external view returns (IPoseidon);

    /// @notice Returns the root of the asset tree.
    function root() external view returns (uint256);

    /// @notice Returns the number of registered assets, which is the next id.
    function count() external view returns (uint256);

    /// @notice Returns the asset with this id. Reverts with `UnknownAsset`.
    function assetOf(uint256 asset) external view returns (Asset memory);

    /// @notice Returns how many keys of the asset's auditors were replaced. Reverts with
    /// `UnknownAsset`.
    function pastAuditorCount(uint256 asset) external view returns (uint256);

    /// @notice Returns keys of the asset's auditors that were replaced, oldest first: at most
    /// `limit` from index `offset` on. Reverts with `UnknownAsset`.
    function pastAuditors(uint256 asset, uint256 offset, uint256 limit)
        external
        view
        returns (AuditorKey[] memory keys);

    /// @notice Returns the token of the asset with this id. Reverts with `UnknownAsset`.
    function tokenOf(uint256 asset) external view returns (address);

    /// @notice Returns the token of the asset with this id, the minimum and the fee of its deposits
    /// in base units, and whether they must name the owner of their note: bit 0 of the asset's
    /// flags. Reverts with `UnknownAsset`.
    function depositTerms(uint256 asset)
        external
        view
        returns (address token, uint128 minimum, uint128 fee, bool named);

    /// @notice Returns a node of the tree.
    /// @param level 0 for leaves, up to 8 for the root
    /// @param index index of the node within the level
    function node(uint256 level, uint256 index) external view returns (uint256);

    /// @notice Returns the point N that assets without an auditor carry, a constant of the protocol
    /// (spec: *Notes*).
    function unaudited() external view returns (uint256 x, uint256 y);
}
